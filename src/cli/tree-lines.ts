// Trees drawn with lines. The texts carry their own colour; the lines are dim.
import type { Screen } from './screen.ts';

export interface TreeNode {
  readonly text: string;
  readonly children: readonly TreeNode[];
}

/** The root without a line, everything below it with one. */
export function treeLines(root: TreeNode, screen: Screen): readonly string[] {
  const strokes = screen.unicode
    ? { branch: '├─ ', last: '└─ ', through: '│  ' }
    : { branch: '|- ', last: '`- ', through: '|  ' };
  const lines = [root.text];
  const grow = (node: TreeNode, indent: string): void => {
    node.children.forEach((child, at) => {
      const last = at === node.children.length - 1;
      lines.push(screen.palette.dim(indent + (last ? strokes.last : strokes.branch)) + child.text);
      grow(child, indent + (last ? '   ' : strokes.through));
    });
  };
  grow(root, '');
  return lines;
}
