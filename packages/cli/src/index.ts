export { codecs, filters } from './modules.ts'
