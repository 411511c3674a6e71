/** Lets one task run after the other, in the order in which they came. Who comes should wait for the end of his task before he comes again. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve()

  take<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#last.then(task)
    // a task that fails is its owner's concern
    this.#last = result.catch(() => {})
    return result
  }
}
