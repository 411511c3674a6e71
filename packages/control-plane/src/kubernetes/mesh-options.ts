/** What is written into a cluster in the place of Aeraki. */
export interface MeshOptions {
  /** Where what is for the whole mesh is, and its settings: `istio-system`. */
  readonly rootNamespace: string
  readonly envoyFilters:
    | {
        /** They stand beside their services, not in the root namespace, unless a router says where. */
        readonly isNamespaced: boolean
      }
    | undefined
  /** ServiceEntries without an address get one. */
  readonly allocatesVips: boolean
  /** Where sidecars find this control plane: namespaces get a ConfigMap that says so; undefined: none. */
  readonly bootstrapXds: { readonly host: string; readonly port: number } | undefined
}
