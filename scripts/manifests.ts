/**
 * Makes what is written of the chart again: its copy of the definitions of resources, since Helm takes only files of the
 * chart, and the plain manifests. Needs Helm: `scripts/setup-interop.sh helm`.
 */

import { cpSync, globSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { CHART, MANIFEST, renderManifest, renderWebhookManifest, WEBHOOK_MANIFEST } from './render-manifest.ts'
import { ROOT } from './workspace.ts'

const copy = join(CHART, 'crds')
rmSync(copy, { recursive: true, force: true })
mkdirSync(copy)
for (const file of globSync('deploy/crds/*.yaml', { cwd: ROOT })) cpSync(join(ROOT, file), join(copy, basename(file)))
writeFileSync(MANIFEST, renderManifest())
writeFileSync(WEBHOOK_MANIFEST, renderWebhookManifest())
