export { absoluteModulePaths, CONTRACT, type LoadedModules, loadModules } from './modules.ts'
