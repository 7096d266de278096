"""Computes the Mandelbrot set and writes it as a PNG file."""
import struct
import zlib

import job


def row(y, width, height, limit):
    """One row of grey levels."""
    imaginary = 2.4 * y / height - 1.2
    levels = bytearray(width)
    for x in range(width):
        real = 3.0 * x / width - 2.2
        a = b = 0.0
        n = 0
        while n < limit:
            aa = a * a
            bb = b * b
            if aa + bb > 4.0:
                break
            b = 2.0 * a * b + imaginary
            a = aa - bb + real
            n += 1
        levels[x] = 0 if n == limit else 255 - n * 255 // limit
    return bytes(levels)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(rows, width, height):
    """A greyscale image, eight bits a pixel, no filter (PNG specification, chapters 5 and 11)."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = b"".join(b"\0" + one for one in rows)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")


def main():
    parser = job.options(__doc__)
    parser.add_argument("--width", type=int, default=320)
    parser.add_argument("--limit", type=int, default=100, help="iterations per point")
    parser.add_argument("--output", metavar="FILE", help="where the image goes (default: nowhere)")
    arguments = parser.parse_args()
    width, limit = arguments.width, arguments.limit
    height = width * 4 // 5

    def work(share, n_shares):
        return {y: row(y, width, height, limit) for y in range(share, height, n_shares)}

    def combine(results):
        rows = {y: one for part in results for y, one in part.items()}
        ordered = [rows[y] for y in range(height)]
        if arguments.output:
            with open(arguments.output, "wb") as file:
                file.write(png(ordered, width, height))
        return f"{width} x {height} pixels, checksum {zlib.crc32(b''.join(ordered)):08x}"

    job.run(arguments, work, combine)


if __name__ == "__main__":
    main()
