/** Whether channels leave a part of their last block empty: a constant of the site. */
// @ts-ignore: decorator
@external('hole', 'ragged')
export declare function ragged(): bool
