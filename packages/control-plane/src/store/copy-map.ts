/** As `new Map(map)`, but without a pair for each entry on the way, of which a large map would leave a megabyte behind. */
export function copyMap<Key, Value>(map: ReadonlyMap<Key, Value>): Map<Key, Value> {
  const copy = new Map<Key, Value>()
  map.forEach((value, key) => void copy.set(key, value))
  return copy
}
