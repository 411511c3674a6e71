/** All codecs that come with Meltemi. */

export { awesomerpc } from './awesomerpc/index.ts'
