import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { buildDashboard, DASHBOARD } from '../scripts/dashboard.ts'

interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly description?: string
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly targets?: readonly { readonly refId: string; readonly expr: string }[]
}

const dashboard = JSON.parse(readFileSync(DASHBOARD, 'utf8')) as { readonly panels: readonly Panel[] }

test('deploy/grafana/meltemi.json is what scripts/dashboard.ts makes', () => {
  assert.deepEqual(dashboard, JSON.parse(JSON.stringify(buildDashboard())))
})

test('each panel has its own id and place, says what it shows, and asks something', () => {
  const { panels } = dashboard
  const taken = new Set<string>()
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length)
  for (const { type, title, description, gridPos, targets } of panels) {
    const { x, y, w, h } = gridPos
    assert.ok(x + w <= 24, title)
    for (let column = x; column < x + w; column++) {
      for (let line = y; line < y + h; line++) {
        assert.ok(!taken.has(`${column} ${line}`), `${title} covers another`)
        taken.add(`${column} ${line}`)
      }
    }
    if (type === 'row') continue
    assert.ok((description ?? '').length > 10, title)
    assert.ok((targets ?? []).length > 0, title)
  }
  assert.ok(panels.length > 40)
})
