import type { AdminRoute } from '@meltemi/runtime'

/** The start page: links to what can be read, and how to call what changes something. */
export function helpRoute(routes: readonly AdminRoute[]): AdminRoute {
  const rows = routes.map(
    (route) => `<tr><td>${route.method}<td>${endpoint(route)}<td>${escapeHtml(route.description)}\n`,
  )
  const body = `<!doctype html>
<html lang="en">
<title>Meltemi proxy</title>
<h1>Meltemi proxy</h1>
<table>
${rows.join('')}</table>
<p>What changes something wants POST and the header <code>content-type: application/json</code>:
<pre>curl -X POST -H 'content-type: application/json' http://127.0.0.1:15000/drain_listeners</pre>
</html>
`
  return {
    method: 'GET',
    path: '/',
    description: 'this list',
    handle: () => ({ contentType: 'text/html; charset=utf-8', body }),
  }
}

function endpoint(route: AdminRoute): string {
  const path = escapeHtml(route.path)
  return route.method === 'GET' ? `<a href="${path}">${path}</a>` : path
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
