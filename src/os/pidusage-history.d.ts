/** Of pidusage 4.1.0, which has no types of its own: whom it remembers, by pid. To ask lengthens that by `maxage` ms. */
declare module 'pidusage/lib/history.js' {
  const history: { get(pid: number, maxage: number): { readonly fd: number } | undefined };
  export default history;
}
