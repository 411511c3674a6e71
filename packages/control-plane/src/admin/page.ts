/** The live page: static files, which may load nothing from elsewhere. */

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { ApiHandler, BodyReply } from './api-request.ts'

/** Beside this file, in the sources as in what is published. */
const FOLDER = new URL('page/', import.meta.url)
const JAVASCRIPT = 'text/javascript; charset=utf-8'
const CSS = 'text/css; charset=utf-8'
const POLICY = [
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'",
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
].join('; ')

/** `/` and what it loads. Reads its files now, so that one that is missing shows at the start. */
export function pageHandler(): ApiHandler {
  const { resolve } = createRequire(import.meta.url)
  const files = new Map<string, BodyReply>([
    ['', file(new URL('index.html', FOLDER), 'text/html; charset=utf-8')],
    ['page/uplot.js', file(resolve('uplot/dist/uPlot.esm.js'), JAVASCRIPT)],
    ['page/uplot.css', file(resolve('uplot/dist/uPlot.min.css'), CSS)],
    ['page/style.css', file(new URL('style.css', FOLDER), CSS)],
    ['page/icon.svg', file(new URL('icon.svg', FOLDER), 'image/svg+xml')],
  ])
  for (const name of SCRIPTS) files.set(`page/${name}`, file(new URL(name, FOLDER), JAVASCRIPT))
  return ({ method, path }) => (method === 'GET' ? files.get(path.join('/')) : undefined)
}

const SCRIPTS = ['app.js', 'charts.js', 'element.js', 'format.js', 'tables.js']

function file(path: string | URL, contentType: string): BodyReply {
  const headers = { 'content-security-policy': POLICY }
  return { kind: 'body', status: 200, contentType, body: readFileSync(path), headers }
}
