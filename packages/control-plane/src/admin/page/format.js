/** @param {number | null} value A rate; null: none. */
export function formatRate(value) {
  if (value === null) return '–'
  return value >= 100 ? value.toFixed(0) : value.toFixed(1)
}

/** @param {number | null} value In milliseconds; null: nothing was measured. */
export function formatMs(value) {
  if (value === null) return '–'
  if (value >= 100) return value.toFixed(0)
  return value >= 10 ? value.toFixed(1) : value.toFixed(2)
}

/** @param {number} part @param {number} whole */
export function formatPercent(part, whole) {
  return whole === 0 ? '–' : `${((100 * part) / whole).toFixed(1)} %`
}

/** @param {string} timestamp */
export function formatSince(timestamp) {
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(timestamp)) / 1000))
  if (!Number.isFinite(seconds)) return '–'
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} d`
}
