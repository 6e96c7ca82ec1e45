using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Forebay.Protocols.Writing;

/// <summary>How every JSON text of ours is written: compact, and escaped no more than JSON asks for, since it is never
/// put into HTML.</summary>
internal static class JsonOutput
{
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static Utf8JsonWriter To(IBufferWriter<byte> output) => new(output, Options);
}
