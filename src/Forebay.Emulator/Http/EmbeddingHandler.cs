using System.Buffers;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Forebay.Emulator.Engine;
using Forebay.Emulator.Wire;
using Microsoft.AspNetCore.Http;

namespace Forebay.Emulator.Http;

/// <summary>
/// Answers a request for embeddings: a vector of length one for each text, drawn from a hash of the text, so that the
/// same text has the same vector everywhere and no two texts are near each other but by chance. They mean nothing.
/// </summary>
internal sealed class EmbeddingHandler(EmulatedDeployment deployment)
{
    private const int DefaultDimensions = 256;
    private const int MaxDimensions = 4096;
    private const int MaxTexts = 2048;
    private const int BytesPerToken = 4;

    public async Task HandleAsync(HttpContext http)
    {
        long number = deployment.NextRequest();
        http.Response.Headers["x-request-id"] = "req_" + deployment.NameOf(number);
        EmbeddingRequest request = await RequestBody.ReadAsync(http.Request, Read);
        if (request.Model != deployment.Spec.Model)
        {
            throw new BadRequestException($"The model `{request.Model}` does not exist.", 404, "model");
        }

        int longest = request.Texts.Max(t => t.Tokens);
        if (longest > deployment.Parameters.ContextTokens)
        {
            throw new BadRequestException(
                $"A text is too long: {longest} tokens of at most {deployment.Parameters.ContextTokens}.");
        }

        // A prompt as long as all texts together, and no answer to decode: one token is the least that an engine does.
        await deployment.Clock.DelayAsync(deployment.Spec.SiteLatencyMs, http.RequestAborted);
        int tokens = request.Texts.Sum(t => t.Tokens);
        var work = new Generation(number, Math.Min(tokens, deployment.Parameters.ContextTokens - 1), 1, [], false);
        deployment.LeastLoaded().Submit(work);
        using CancellationTokenRegistration cancel = http.RequestAborted.UnsafeRegister(
            static state => ((Generation)state!).Cancel(), work);
        await work.MoreThanAsync(0);

        var document = new ArrayBufferWriter<byte>(request.Texts.Length * request.Dimensions * 6 + 256);
        Write(document, request, tokens);
        http.Response.ContentType = "application/json";
        http.Response.ContentLength = document.WrittenCount;
        await http.Response.BodyWriter.WriteAsync(document.WrittenMemory, http.RequestAborted);
    }

    /// <summary>The vector of a text: coordinates even in -1 to 1, scaled to length one.</summary>
    internal static float[] VectorOf(ulong hash, int dimensions)
    {
        float[] vector = new float[dimensions];
        double squares = 0;
        for (int i = 0; i < dimensions; i++)
        {
            double coordinate = Mixing.Mix(hash, (ulong)i) / (double)ulong.MaxValue * 2 - 1;
            squares += coordinate * coordinate;
            vector[i] = (float)coordinate;
        }

        float scale = (float)(1 / Math.Sqrt(squares));
        for (int i = 0; i < dimensions; i++)
        {
            vector[i] *= scale;
        }

        return vector;
    }

    private void Write(ArrayBufferWriter<byte> document, EmbeddingRequest request, int tokens)
    {
        using var json = new Utf8JsonWriter(document);
        json.WriteStartObject();
        json.WriteString("object"u8, "list"u8);
        json.WriteStartArray("data"u8);
        for (int i = 0; i < request.Texts.Length; i++)
        {
            float[] vector = VectorOf(request.Texts[i].Hash, request.Dimensions);
            json.WriteStartObject();
            json.WriteString("object"u8, "embedding"u8);
            json.WriteNumber("index"u8, i);
            if (request.IsBase64)
            {
                json.WriteBase64String("embedding"u8, MemoryMarshal.AsBytes(vector.AsSpan()));
            }
            else
            {
                json.WriteStartArray("embedding"u8);
                Array.ForEach(vector, json.WriteNumberValue);
                json.WriteEndArray();
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteString("model"u8, deployment.Spec.Model);
        json.WriteStartObject("usage"u8);
        json.WriteNumber("prompt_tokens"u8, tokens);
        json.WriteNumber("total_tokens"u8, tokens);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static EmbeddingRequest Read(ReadOnlySpan<byte> body)
    {
        try
        {
            var reader = new Utf8JsonReader(body);
            using JsonDocument document = JsonDocument.ParseValue(ref reader);
            return Read(document.RootElement);
        }
        catch (JsonException)
        {
            throw new BadRequestException("The request body is not valid JSON.");
        }
    }

    private static EmbeddingRequest Read(JsonElement body)
    {
        if (body.ValueKind != JsonValueKind.Object
            || !body.TryGetProperty("model", out JsonElement model)
            || model.ValueKind != JsonValueKind.String
            || !body.TryGetProperty("input", out JsonElement input))
        {
            throw new BadRequestException("model and input are required.");
        }

        JsonElement[] texts = input.ValueKind switch
        {
            JsonValueKind.String => [input],
            JsonValueKind.Array when input.GetArrayLength() == 0 => [],
            JsonValueKind.Array when input[0].ValueKind == JsonValueKind.Number => [input],
            JsonValueKind.Array => [.. input.EnumerateArray()],
            _ => [],
        };
        if (texts.Length is 0 or > MaxTexts)
        {
            throw new BadRequestException($"input must hold 1 to {MaxTexts} texts.", parameter: "input");
        }

        int dimensions = body.TryGetProperty("dimensions", out JsonElement asked) && asked.TryGetInt32(out int given)
            ? given
            : DefaultDimensions;
        if (dimensions is < 1 or > MaxDimensions)
        {
            throw new BadRequestException($"dimensions must be 1 to {MaxDimensions}.", parameter: "dimensions");
        }

        bool isBase64 = body.TryGetProperty("encoding_format", out JsonElement format)
            && format.ValueKind == JsonValueKind.String
            && format.ValueEquals("base64"u8);
        return new EmbeddingRequest(model.GetString()!, [.. texts.Select(TextOf)], dimensions, isBase64);
    }

    private static EmbeddedText TextOf(JsonElement text)
    {
        ulong hash = 0;
        if (text.ValueKind == JsonValueKind.String)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(text.GetString()!);
            foreach (byte b in bytes)
            {
                hash = Mixing.Mix(hash, b);
            }

            return new EmbeddedText(hash, (bytes.Length + BytesPerToken - 1) / BytesPerToken);
        }

        if (text.ValueKind != JsonValueKind.Array)
        {
            throw new BadRequestException("input must hold texts or tokens.", parameter: "input");
        }

        foreach (JsonElement token in text.EnumerateArray())
        {
            hash = Mixing.Mix(hash, token.TryGetUInt64(out ulong number)
                ? number + 256
                : throw new BadRequestException("A token must be a whole number.", parameter: "input"));
        }

        return new EmbeddedText(hash, text.GetArrayLength());
    }

    private readonly record struct EmbeddedText(ulong Hash, int Tokens);

    private sealed record EmbeddingRequest(string Model, EmbeddedText[] Texts, int Dimensions, bool IsBase64);
}
