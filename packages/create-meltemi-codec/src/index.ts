/** What a checkout of Meltemi uses to create the same projects from packages that are not published. */

export { createProject, type Project, type Tarball } from './create-project.ts'
export { FRAMINGS, type Framing } from './framing.ts'
export { type CreateContext, runCreate } from './run-create.ts'
