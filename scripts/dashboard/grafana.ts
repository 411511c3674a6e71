/** What a Grafana dashboard consists of, as far as ours needs it: rows of panels with queries to Prometheus. */

export interface Query {
  readonly expr: string
  /** With `{{label}}` for the value of a label; empty: the series' own. */
  readonly legend: string
}

export interface PanelPlan {
  readonly title: string
  /** What the numbers mean, shown beside the title. */
  readonly about: string
  /** Grafana's name of it, for example `reqps`. */
  readonly unit: string
  readonly queries: readonly Query[]
  /** Of 24; 8 for graphs and 4 for numbers if not said. */
  readonly width?: number
  /** One number instead of a graph. */
  readonly isNumber?: boolean
  /** Of a number: from where on it is orange, and red. */
  readonly bad?: readonly [orange: number, red: number]
  /** Of a graph: the areas stand one above the other. */
  readonly isStacked?: boolean
}

export interface RowPlan {
  readonly title: string
  readonly panels: readonly PanelPlan[]
}

export interface VariablePlan {
  readonly name: string
  readonly label: string
  /** `label_values(…)`. */
  readonly query: string
}

const COLUMNS = 24
const GRAPH = { width: 8, height: 8 } as const
const NUMBER = { width: 4, height: 4 } as const
const DATA_SOURCE = { type: 'prometheus', uid: '$' + '{datasource}' }

/** The panels of all rows, placed from left to right and from top to bottom. */
export function layOut(rows: readonly RowPlan[]): readonly object[] {
  const panels: object[] = []
  let top = 0
  for (const { title, panels: plans } of rows) {
    const gridPos = { x: 0, y: top, w: COLUMNS, h: 1 }
    panels.push({ id: panels.length + 1, type: 'row', title, collapsed: false, gridPos, panels: [] })
    let left = 0
    let height = 1
    for (const plan of plans) {
      const size = plan.isNumber ? NUMBER : GRAPH
      const width = plan.width ?? size.width
      if (left === 0 || left + width > COLUMNS) {
        top += height
        left = 0
        height = 0
      }
      panels.push({ id: panels.length + 1, ...panel(plan), gridPos: { x: left, y: top, w: width, h: size.height } })
      left += width
      height = Math.max(height, size.height)
    }
    top += height
  }
  return panels
}

function panel(plan: PanelPlan): object {
  const { title, about: description, queries } = plan
  const targets = queries.map(({ expr, legend: legendFormat }, at) => ({
    refId: String.fromCharCode(0x41 + at),
    datasource: DATA_SOURCE,
    expr,
    legendFormat,
  }))
  return { title, description, datasource: DATA_SOURCE, targets, ...(plan.isNumber ? number(plan) : graph(plan)) }
}

function graph({ unit, isStacked = false }: PanelPlan): object {
  const custom = { fillOpacity: 10, showPoints: 'never', stacking: { mode: isStacked ? 'normal' : 'none', group: 'A' } }
  return {
    type: 'timeseries',
    fieldConfig: { defaults: { unit, min: 0, custom }, overrides: [] },
    options: { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi', sort: 'desc' } },
  }
}

function number({ unit, bad }: PanelPlan): object {
  const steps = [
    { color: 'green', value: null },
    ...(bad === undefined
      ? []
      : [
          { color: 'orange', value: bad[0] },
          { color: 'red', value: bad[1] },
        ]),
  ]
  return {
    type: 'stat',
    fieldConfig: { defaults: { unit, thresholds: { mode: 'absolute', steps } }, overrides: [] },
    options: { reduceOptions: { calcs: ['lastNotNull'] }, colorMode: 'value', graphMode: 'area' },
  }
}

/** Which data source, then what each of `plans` asks it for; all values are chosen at first. */
export function variables(plans: readonly VariablePlan[]): readonly object[] {
  return [
    { name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus' },
    ...plans.map(({ name, label, query }) => ({
      name,
      label,
      type: 'query',
      datasource: DATA_SOURCE,
      query: { query, refId: `variable ${name}` },
      refresh: 2,
      sort: 1,
      multi: true,
      includeAll: true,
      allValue: '.*',
      current: { text: 'All', value: '$__all' },
    })),
  ]
}
