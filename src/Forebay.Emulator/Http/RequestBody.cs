using System.Buffers;
using Forebay.Emulator.Wire;
using Microsoft.AspNetCore.Http;

namespace Forebay.Emulator.Http;

/// <summary>Reads a request body once into pooled memory.</summary>
internal static class RequestBody
{
    /// <summary>Largest body, in bytes: twice what the vendor's API takes.</summary>
    public const int MaxBytes = 64 * 1024 * 1024;

    public delegate T Parser<T>(ReadOnlySpan<byte> body);

    public static async Task<T> ReadAsync<T>(HttpRequest request, Parser<T> parse)
    {
        byte[] bytes = ArrayPool<byte>.Shared.Rent((int)Math.Clamp(request.ContentLength ?? 4096, 256, MaxBytes));
        try
        {
            int length = 0;
            while (true)
            {
                if (length == bytes.Length)
                {
                    bytes = Larger(bytes);
                }

                int read = await request.Body.ReadAsync(bytes.AsMemory(length), request.HttpContext.RequestAborted);
                if (read == 0)
                {
                    return parse(bytes.AsSpan(0, length));
                }

                length += read;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }

    private static byte[] Larger(byte[] bytes)
    {
        if (bytes.Length >= MaxBytes)
        {
            throw new BadRequestException($"The request body is larger than {MaxBytes} bytes.", 413);
        }

        byte[] larger = ArrayPool<byte>.Shared.Rent(bytes.Length * 2);
        bytes.CopyTo(larger, 0);
        ArrayPool<byte>.Shared.Return(bytes);
        return larger;
    }
}
