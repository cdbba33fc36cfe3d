/** The part of the parser's tree that attar reads; the package brings no types. */
declare module '@webassemblyjs/wasm-parser' {
  export type Field =
    | { readonly type: 'ModuleImport'; readonly module: string; readonly name: string }
    | {
        readonly type: 'ModuleExport'
        readonly name: string
        readonly descr: { readonly exportType: string; readonly id: { readonly value: number } }
      }
    | { readonly type: 'Memory'; readonly limits: { readonly min: number; readonly max?: number } }
    | { readonly type: 'Other' }

  export function decode(
    bytes: Uint8Array,
    options: { readonly dump: boolean; readonly ignoreCodeSection: boolean },
  ): { readonly body: readonly [{ readonly fields: readonly Field[] }] }
}
