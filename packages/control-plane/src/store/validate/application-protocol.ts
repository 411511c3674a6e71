import type { ApplicationProtocol, ResourceProblems } from '@meltemi/api/resource'
import type { Loose } from './loose.ts'

export function checkApplicationProtocol({ spec }: Loose<ApplicationProtocol>, problems: ResourceProblems): void {
  if (!spec?.module?.url?.startsWith('oci:')) return
  problems.error({
    code: 'not-supported-yet',
    path: ['spec', 'module', 'url'],
    message: 'modules from registries are not supported yet',
    fix: 'use a file, http or https URL',
  })
}
