import { AddressBook } from '../snapshots/address-book.ts'
import { encodeService, NO_RESOURCES } from '../snapshots/encode-service.ts'
import type { ServiceView, StatusNote } from '../store/world.ts'
import { translateService } from '../translate/translate-service.ts'

/** Services that want to listen where another service, or one of their own workloads, already does. */
export function addressNotes(services: readonly ServiceView[], listenHost: string): readonly StatusNote[] {
  const book = new AddressBook()
  const notes = services.flatMap((view) => {
    const config = translateService(view, { listenHost })
    book.set(view.host, view, encodeService(view, config, NO_RESOURCES).listeners)
    return config.notes.filter(({ code }) => code === 'address-conflict')
  })
  return [...notes, ...book.notes()]
}
