"""A SOCKS5 server (CONNECT, no login) that seems to be far away: whatever passes it, its own words
included, arrives half a round trip later, either way.

    slow_socks.py ADDRESS PORT ROUND_TRIP_MS
"""
import asyncio
import socket
import struct
import sys

HALF = float(sys.argv[3]) / 2000


async def carry(reader, writer):
    """Each piece leaves half a round trip after it came, however many are on their way."""
    loop = asyncio.get_running_loop()
    queue = asyncio.Queue()

    async def deliver():
        while True:
            due, data = await queue.get()
            await asyncio.sleep(max(0, due - loop.time()))
            if not data:
                break
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    task = asyncio.create_task(deliver())
    while data := await reader.read(65536):
        queue.put_nowait((loop.time() + HALF, data))
    queue.put_nowait((loop.time() + HALF, b""))
    await task


async def read_target(reader):
    _, _, _, kind = await reader.readexactly(4)
    if kind == 3:
        host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
    else:
        family, size = (socket.AF_INET, 4) if kind == 1 else (socket.AF_INET6, 16)
        host = socket.inet_ntop(family, await reader.readexactly(size))
    return host, struct.unpack(">H", await reader.readexactly(2))[0]


async def serve(reader, writer):
    try:
        _, count = await reader.readexactly(2)
        await reader.readexactly(count)
        await asyncio.sleep(2 * HALF)
        writer.write(b"\x05\x00")
        host, port = await read_target(reader)
        await asyncio.sleep(2 * HALF)
        far_reader, far_writer = await asyncio.open_connection(host, port)
        writer.write(b"\x05\x00\x00\x01" + bytes(6))
        await asyncio.gather(carry(reader, far_writer), carry(far_reader, writer))
        far_writer.close()
    except (OSError, asyncio.IncompleteReadError):
        pass
    writer.close()


async def main():
    server = await asyncio.start_server(serve, sys.argv[1], int(sys.argv[2]), backlog=1024)
    await server.serve_forever()


asyncio.run(main())
