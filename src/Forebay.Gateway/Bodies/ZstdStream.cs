using System.Buffers;
using System.Runtime.InteropServices;

namespace Forebay.Gateway.Bodies;

/// <summary>The bytes are not valid zstd.</summary>
public sealed class ZstdException(string message) : IOException(message);

/// <summary>
/// Decodes zstd through the system's libzstd (<c>ZSTD_decompressStream</c>), read-only. The window is limited to 8 MiB,
/// as RFC 9659 asks of HTTP, so that a small body cannot make the decoder take a large one.
/// </summary>
public sealed partial class ZstdStream : Stream
{
    private const int WindowLogMax = 23;
    private const int ParameterWindowLogMax = 100;
    private const int InputBytes = 64 * 1024;

    private readonly Stream _source;
    private readonly byte[] _input = ArrayPool<byte>.Shared.Rent(InputBytes);
    private nint _decoder;
    private int _inputStart;
    private int _inputEnd;
    private bool _frameOpen;
    private bool _sourceEnded;

    public ZstdStream(Stream source)
    {
        _source = source;
        _decoder = Native.CreateDStream();
        if (_decoder == 0)
        {
            throw new ZstdException("libzstd could not make a decoder.");
        }

        Check(Native.SetParameter(_decoder, ParameterWindowLogMax, WindowLogMax));
    }

    /// <summary>Whether libzstd is installed on this machine.</summary>
    public static bool IsAvailable { get; } = NativeLibrary.TryLoad(Native.Library, out _);

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (!buffer.IsEmpty)
        {
            if (_inputStart == _inputEnd && !_sourceEnded)
            {
                _inputStart = 0;
                _inputEnd = await _source.ReadAsync(_input.AsMemory(0, InputBytes), cancellationToken);
                _sourceEnded = _inputEnd == 0;
            }

            int produced = Decode(buffer.Span);
            if (produced > 0)
            {
                return produced;
            }

            if (_sourceEnded)
            {
                return _frameOpen ? throw new ZstdException("The zstd frame ends early.") : 0;
            }
        }

        return 0;
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("Read async.");

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (_decoder != 0)
        {
            _ = Native.FreeDStream(_decoder);
            _decoder = 0;
            ArrayPool<byte>.Shared.Return(_input);
        }

        base.Dispose(disposing);
    }

    private unsafe int Decode(Span<byte> output)
    {
        if (_inputStart == _inputEnd && !_frameOpen)
        {
            return 0;
        }

        fixed (byte* source = _input)
        fixed (byte* target = output)
        {
            var from = new Native.Buffer(source, (nuint)_inputEnd, (nuint)_inputStart);
            var to = new Native.Buffer(target, (nuint)output.Length, 0);
            nuint hint = Native.DecompressStream(_decoder, ref to, ref from);
            Check(hint);
            _frameOpen = hint != 0;
            _inputStart = (int)from.Position;
            return (int)to.Position;
        }
    }

    private static void Check(nuint code)
    {
        if (Native.IsError(code) != 0)
        {
            throw new ZstdException("libzstd refused the data.");
        }
    }

    private static unsafe partial class Native
    {
        public const string Library = "libzstd.so.1";

        [LibraryImport(Library, EntryPoint = "ZSTD_createDStream")]
        public static partial nint CreateDStream();

        [LibraryImport(Library, EntryPoint = "ZSTD_freeDStream")]
        public static partial nuint FreeDStream(nint decoder);

        [LibraryImport(Library, EntryPoint = "ZSTD_DCtx_setParameter")]
        public static partial nuint SetParameter(nint decoder, int parameter, int value);

        [LibraryImport(Library, EntryPoint = "ZSTD_decompressStream")]
        public static partial nuint DecompressStream(nint decoder, ref Buffer output, ref Buffer input);

        [LibraryImport(Library, EntryPoint = "ZSTD_isError")]
        public static partial uint IsError(nuint code);

        /// <summary>ZSTD_inBuffer and ZSTD_outBuffer: pointer, size, position.</summary>
        [StructLayout(LayoutKind.Sequential)]
        public struct Buffer(byte* data, nuint size, nuint position)
        {
            public byte* Data = data;
            public nuint Size = size;
            public nuint Position = position;
        }
    }
}
