import { In, Out } from '../roles'

/** Eight channels' weights [taps][run / 4][8][4] as i16 [taps][run / 2][8][2]: a vector has pairs for each of four channels. */
export function i8_pair_weights(from: In, to: Out, taps: i32, run: i32): void {
  for (; taps > 0; taps--) {
    for (let left = run; left > 0; left -= 4) {
      const v = v128.load(from)
      const u = v128.load(from, 16)
      const v0 = i16x8.extend_low_i8x16_s(v)
      const v1 = i16x8.extend_high_i8x16_s(v)
      const u0 = i16x8.extend_low_i8x16_s(u)
      const u1 = i16x8.extend_high_i8x16_s(u)
      v128.store(to, i8x16.shuffle(v0, v1, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27))
      v128.store(to, i8x16.shuffle(u0, u1, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27), 16)
      v128.store(to, i8x16.shuffle(v0, v1, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31), 32)
      v128.store(to, i8x16.shuffle(u0, u1, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31), 48)
      to += left > 2 ? 64 : 32
      from += 32
    }
  }
}
