/**
 * Makes a value when it is first asked for, and then keeps it. The contract has some 250 schemas, and a process that
 * starts needs three of them.
 */
export function lazy<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
