/** The page's own elements. */
export function element<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id)
  if (!found) throw new Error(`the page has no #${id}`)
  return found as T
}

type Child = Node | string
type Attributes = Readonly<Record<string, string>>

export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value)
  made.append(...children)
  return made
}

export const table = (header: readonly string[], rows: readonly (readonly Child[])[]): HTMLElement =>
  make(
    'div',
    { class: 'diagram' },
    make(
      'table',
      {},
      make('thead', {}, make('tr', {}, ...header.map((text) => make('th', { scope: 'col' }, text)))),
      make(
        'tbody',
        {},
        ...rows.map(([name, ...cells]) =>
          make('tr', {}, make('th', { scope: 'row' }, name!), ...cells.map((cell) => make('td', {}, cell))),
        ),
      ),
    ),
  )

/** Takes files by a field and by being dropped. */
export function takesFiles(area: HTMLElement, field: HTMLInputElement, take: (files: readonly File[]) => void): void {
  field.addEventListener('change', () => {
    const files = [...(field.files ?? [])]
    // So that the same file may be chosen again.
    field.value = ''
    if (files.length > 0) take(files)
  })
  const over = (is: boolean) => (event: DragEvent) => {
    event.preventDefault()
    event.stopPropagation()
    area.classList.toggle('over', is)
  }
  area.addEventListener('dragover', over(true))
  area.addEventListener('dragleave', over(false))
  area.addEventListener('drop', (event) => {
    over(false)(event)
    const files = [...(event.dataTransfer?.files ?? [])]
    if (files.length > 0) take(files)
  })
}

export function download(name: string, bytes: Uint8Array<ArrayBuffer>): void {
  const url = URL.createObjectURL(new Blob([bytes], { type: 'application/octet-stream' }))
  make('a', { href: url, download: name }).click()
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
}

export const count = (n: number): string => n.toLocaleString('en-US')
