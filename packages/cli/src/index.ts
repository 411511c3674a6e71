export { type Console, processConsole } from './console.ts'
export { codecs, filters } from './modules.ts'
export { runMeltemi } from './run-meltemi.ts'
