/**
 * A port with some of its methods replaced, for tests that stand between the saga and a real adapter. The others go to
 * the adapter itself, whose private fields a spread would lose.
 */
export function decorated<Port extends object>(port: Port, replaced: Partial<Port>): Port {
  return new Proxy(port, {
    get(target, name) {
      const own: unknown = Reflect.get(replaced, name);
      if (own !== undefined) return own;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
