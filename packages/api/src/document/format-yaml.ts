import { stringify } from 'yaml'

/** JSON as people read it: YAML in blocks, without folded lines, and with quotes where a word would be something else. */
export function formatYaml(value: unknown): string {
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false, version: '1.1' })
}
