import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { buildGraph, findOrderingCycles } from '../../../src/core/graph.ts';
import { unitSpec } from './unit-spec.ts';

describe('buildGraph', () => {
  for (const field of ['requires', 'wants', 'requisite', 'bindsTo', 'after'] as const) {
    test(`${field} puts its unit first`, () => {
      const graph = buildGraph([unitSpec('web', { [field]: ['db'] }), unitSpec('db')]);
      assert.deepEqual([graph.predecessors('web'), graph.successors('db')], [['db'], ['web']]);
    });
  }
  test('before puts its unit last', () => {
    const graph = buildGraph([unitSpec('db', { before: ['web'] }), unitSpec('web')]);
    assert.deepEqual([graph.predecessors('web'), graph.successors('db')], [['db'], ['web']]);
  });
  for (const field of ['partOf', 'upholds', 'conflicts', 'onFailure', 'onSuccess'] as const) {
    test(`${field} is no order`, () => {
      assert.deepEqual(
        buildGraph([unitSpec('web', { [field]: ['db'] }), unitSpec('db')]).predecessors('web'),
        [],
      );
    });
  }
  test('an order that is given twice counts once', () => {
    const graph = buildGraph([
      unitSpec('web', { requires: ['db'], after: ['db'] }),
      unitSpec('db', { before: ['web'] }),
    ]);
    assert.deepEqual(graph.predecessors('web'), ['db']);
  });
  test('a name that is not in the set is passed over', () => {
    const graph = buildGraph([unitSpec('web', { requires: ['db'], conflicts: ['old'] })]);
    assert.deepEqual([graph.predecessors('web'), graph.namedBy('db'), graph.conflicts('web')], [[], [], []]);
  });
  test('conflicts hold both ways, whoever says so', () => {
    const graph = buildGraph([unitSpec('blue'), unitSpec('green', { conflicts: ['blue', 'green'] })]);
    assert.deepEqual([graph.conflicts('blue'), graph.conflicts('green')], [['green'], ['blue']]);
  });
  test('conflicts are in the order of their names, whatever that of the set is', () => {
    const specs = ['green', 'amber'].map((name) => unitSpec(name, { conflicts: ['web'] }));
    const set = [...specs, unitSpec('web', { conflicts: ['blue'] }), unitSpec('blue')];
    for (const order of [set, set.toReversed()]) {
      assert.deepEqual(buildGraph(order).conflicts('web'), ['amber', 'blue', 'green']);
    }
  });
  test('upholders are those who name it', () => {
    const graph = buildGraph([unitSpec('job'), unitSpec('keeper', { upholds: ['job'] })]);
    assert.deepEqual([graph.upholders('job'), graph.upholders('keeper')], [['keeper'], []]);
  });
  test('a ring is made by partOf alone, and has all its members', () => {
    const graph = buildGraph([
      unitSpec('a', { partOf: ['c'] }),
      unitSpec('b', { requires: ['a'] }),
      unitSpec('c', { bindsTo: ['b'] }),
      unitSpec('d', { partOf: ['a'] }),
    ]);
    assert.deepEqual([[...graph.ring('b')].sort(), graph.ring('d')], [['a', 'b', 'c'], []]);
  });
  test('namedBy has the field', () => {
    const graph = buildGraph([unitSpec('db'), unitSpec('web', { requires: ['db'], partOf: ['db'] })]);
    assert.deepEqual(graph.namedBy('db'), [
      { field: 'requires', name: 'web' },
      { field: 'partOf', name: 'web' },
    ]);
  });
  test('the order of unordered units is not read, their conflicts are', () => {
    const specs = [unitSpec('db'), unitSpec('web', { after: ['db'], conflicts: ['db'] })];
    const graph = buildGraph(specs, new Set(['db']));
    assert.deepEqual([graph.predecessors('web'), graph.conflicts('web')], [[], ['db']]);
  });
});

describe('findOrderingCycles', () => {
  test('a set without one has none', () => {
    assert.deepEqual(findOrderingCycles([unitSpec('db'), unitSpec('web', { after: ['db'] })]), []);
  });
  test('names the way round, from its first member back to it', () => {
    const specs = [
      unitSpec('c', { requires: ['a'] }),
      unitSpec('a', { after: ['b'] }),
      unitSpec('b', { before: [], wants: ['c'] }),
    ];
    assert.deepEqual(findOrderingCycles(specs), [['a', 'b', 'c', 'a']]);
  });
  test('a unit after itself is one', () => {
    assert.deepEqual(findOrderingCycles([unitSpec('a', { after: ['a'] })]), [['a', 'a']]);
  });
  test('before makes one with requires', () => {
    const specs = [unitSpec('a', { requires: ['b'], before: ['b'] }), unitSpec('b')];
    assert.deepEqual(findOrderingCycles(specs), [['a', 'b', 'a']]);
  });
  test('each knot is told once, by the shortest way', () => {
    const specs = [
      unitSpec('a', { after: ['b', 'c'] }),
      unitSpec('b', { after: ['a'] }),
      unitSpec('c', { after: ['b'] }),
      unitSpec('x', { after: ['y'] }),
      unitSpec('y', { after: ['x'] }),
    ];
    assert.deepEqual(findOrderingCycles(specs), [
      ['a', 'b', 'a'],
      ['x', 'y', 'x'],
    ]);
  });
  test('a chain of 100,000 units does not end the stack', () => {
    const chain = Array.from({ length: 100_000 }, (_, index) => ({
      ...unitSpec(`u${index}`),
      after: index === 0 ? [] : [`u${index - 1}`],
    }));
    assert.deepEqual(findOrderingCycles(chain), []);
  });
});
