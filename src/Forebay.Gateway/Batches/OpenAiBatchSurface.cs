using System.Buffers;
using System.Text.Json;
using Forebay.Core.Batches;
using Forebay.Core.Errors;
using Forebay.Core.Serving;
using Forebay.Gateway.Bodies;
using Forebay.Gateway.Pipeline;
using Forebay.Protocols.Batches;

namespace Forebay.Gateway.Batches;

/// <summary>OpenAI's batches.</summary>
internal sealed class OpenAiBatchSurface(GatewayRuntime runtime, IBatchDesk desk)
{
    private const int MaxBodyBytes = 256 * 1024;

    public async Task<Failure> CreateAsync(Exchange x)
    {
        BodyProblem problem = BodyReader.CheckHeaders(x.Http.Request, MaxBodyBytes);
        if (problem.Reason == Reason.None)
        {
            x.Body = new PooledBuffer(runtime.Memory, x.Settings.MemoryBudgetBytes);
            using var deadline = new CancellationTokenSource(
                TimeSpan.FromSeconds(x.Settings.BodyTimeoutSeconds), runtime.Time);
            using CancellationTokenRegistration gone = x.Http.RequestAborted.UnsafeRegister(
                static s => ((CancellationTokenSource)s!).Cancel(), deadline);
            try
            {
                problem = await BodyReader.ReadAsync(x.Http.Request, x.Body, MaxBodyBytes, deadline.Token);
            }
            catch (OperationCanceledException) when (!x.Http.RequestAborted.IsCancellationRequested)
            {
                problem = new BodyProblem(Reason.RequestTimeout, "The body did not arrive in time; send it again.");
            }
        }

        if (problem.Reason != Reason.None)
        {
            return new Failure(problem.Reason, problem.Message);
        }

        await LongWork.ElsewhereAsync();
        Failure failure = OpenAiBatchAsk.Read(x, x.Body!.WrittenMemory, out BatchAsk? ask);
        return failure.IsNone
            ? await SendAsync(x, await desk.CreateAsync(ask!, x.Http.RequestAborted))
            : failure;
    }

    public async Task<Failure> ListAsync(Exchange x)
    {
        Failure failure = BatchQuery.ReadLimit(x.Http.Request.Query, 20, 100, out int limit);
        if (!failure.IsNone)
        {
            return failure;
        }

        BatchPage<Batch> page = await desk.ListAsync(
            BatchHandler.CallerOf(x), BatchSurface.OpenAi,
            new BatchRange(limit, BatchQuery.Text(x.Http.Request.Query, "after")), x.Http.RequestAborted);
        var json = new ArrayBufferWriter<byte>(1024);
        BatchObjects.WritePage(json, [.. page.Items.Select(ObjectOf)], page.HasMore);
        return await BatchHandler.SendAsync(x, json);
    }

    public async Task<Failure> ShowAsync(Exchange x, string id) => await SendAsync(
        x, await desk.FindAsync(BatchHandler.CallerOf(x), BatchSurface.OpenAi, id, x.Http.RequestAborted));

    public async Task<Failure> CancelAsync(Exchange x, string id) => await SendAsync(
        x, await desk.CancelAsync(BatchHandler.CallerOf(x), BatchSurface.OpenAi, id, x.Http.RequestAborted));

    private static async Task<Failure> SendAsync(Exchange x, Batch batch)
    {
        var json = new ArrayBufferWriter<byte>(1024);
        BatchObjects.Write(json, ObjectOf(batch));
        return await BatchHandler.SendAsync(x, json);
    }

    private static OpenAiBatchObject ObjectOf(Batch b) => new(
        b.Id, b.Endpoint, b.InputFile ?? "", StatusOf(b), b.CreatedUnixMs / 1000, b.ExpiresUnixMs / 1000)
    {
        Model = b.Model,
        Errors = [.. b.Problems.Select(p => (p.Code, p.Message, p.Param, p.Line))],
        OutputFile = b.OutputFile,
        ErrorFile = b.ErrorFile,
        InProgressAt = b.RunningUnixMs / 1000,
        FinalizingAt = b.FinalizingUnixMs / 1000,
        CompletedAt = b.End == BatchEnd.Completed ? b.EndedUnixMs / 1000 : null,
        FailedAt = b.Phase == BatchPhase.Failed ? b.EndedUnixMs / 1000 : null,
        ExpiredAt = b.End == BatchEnd.Expired ? b.EndedUnixMs / 1000 : null,
        CancellingAt = b.CancelUnixMs / 1000,
        CancelledAt = b.End == BatchEnd.Cancelled ? b.EndedUnixMs / 1000 : null,
        Total = b.Total,
        Completed = b.Counts.Succeeded,
        Failed = b.Counts.Settled - b.Counts.Succeeded,
        InputTokens = b.Tokens.Input,
        CachedTokens = b.Tokens.Cached,
        OutputTokens = b.Tokens.Output,
        Metadata = b.Metadata,
    };

    private static string StatusOf(Batch b) => (b.Phase, b.End) switch
    {
        (BatchPhase.Validating, _) => "validating",
        (BatchPhase.Failed, _) => "failed",
        (BatchPhase.Running or BatchPhase.Expiring, _) => "in_progress",
        (BatchPhase.Cancelling, _) => "cancelling",
        (BatchPhase.Finalizing, BatchEnd.Cancelled) => "cancelling",
        (BatchPhase.Finalizing, _) => "finalizing",
        (_, BatchEnd.Cancelled) => "cancelled",
        (_, BatchEnd.Expired) => "expired",
        _ => "completed",
    };
}

/// <summary>Reads what a batch of OpenAI's is asked for by.</summary>
internal static class OpenAiBatchAsk
{
    private const int MostMetadata = 16;
    private const int LongestKey = 64;
    private const int LongestValue = 512;

    public static Failure Read(Exchange x, ReadOnlyMemory<byte> body, out BatchAsk? ask)
    {
        ask = null;
        try
        {
            using var json = JsonDocument.Parse(
                body, new JsonDocumentOptions { MaxDepth = 16, AllowDuplicateProperties = false });
            return json.RootElement.ValueKind == JsonValueKind.Object
                ? Read(x, json.RootElement, out ask)
                : Bad("The body must be a JSON object.", null);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return Bad("The body is not valid JSON.", null);
        }
    }

    private static Failure Read(Exchange x, JsonElement root, out BatchAsk? ask)
    {
        ask = null;
        string? file = null;
        string? endpoint = null;
        string? window = null;
        Dictionary<string, string>? metadata = null;
        long? seconds = null;
        foreach (JsonProperty field in root.EnumerateObject())
        {
            JsonElement value = field.Value;
            bool isText = value.ValueKind == JsonValueKind.String;
            switch (field.Name)
            {
                case "input_file_id" when isText:
                    file = value.GetString();
                    break;
                case "endpoint" when isText:
                    endpoint = value.GetString();
                    break;
                case "completion_window" when isText:
                    window = value.GetString();
                    break;
                case "metadata" when value.ValueKind == JsonValueKind.Null:
                case "output_expires_after" when value.ValueKind == JsonValueKind.Null:
                    break;
                case "metadata" when TryMetadata(value, out metadata):
                    break;
                case "output_expires_after" when FileExpiry.TryRead(value, out seconds):
                    break;
                default:
                    return Bad(
                        $"'{(field.Name.Length <= 64 ? field.Name : field.Name[..64])}' is not known here, or its "
                        + "value is not what is expected.", field.Name);
            }
        }

        Failure failure = file is null ? Bad("Missing required parameter: 'input_file_id'.", "input_file_id")
            : endpoint is null ? Bad("Missing required parameter: 'endpoint'.", "endpoint")
            : !IsServed(endpoint) ? Bad($"endpoint must be one of {string.Join(", ", Served)}.", "endpoint")
            : window != "24h" ? Bad("completion_window must be '24h'.", "completion_window")
            : Failure.None;
        ask = failure.IsNone
            ? new BatchAsk(BatchHandler.CallerOf(x), BatchSurface.OpenAi, endpoint!)
            {
                InputFile = file,
                Metadata = metadata,
                OutputSeconds = seconds,
                Headers = BatchHeaders.Of(x.Http.Request.Headers),
            }
            : null;
        return failure;
    }

    private static IEnumerable<string> Served =>
        BatchWire.Endpoints.Where(e => e.Value.Dialect != Dialect.Anthropic).Select(e => e.Key).Order(StringComparer.Ordinal);

    private static bool IsServed(string endpoint) => Served.Contains(endpoint);

    private static bool TryMetadata(JsonElement value, out Dictionary<string, string>? metadata)
    {
        metadata = null;
        if (value.ValueKind != JsonValueKind.Object)
        {
            return false;
        }

        metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (JsonProperty pair in value.EnumerateObject())
        {
            if (pair.Value.ValueKind != JsonValueKind.String || pair.Name.Length > LongestKey
                || pair.Value.GetString()!.Length > LongestValue || metadata.Count == MostMetadata)
            {
                return false;
            }

            metadata.Add(pair.Name, pair.Value.GetString()!);
        }

        return true;
    }

    private static Failure Bad(string message, string? param) => new(Reason.BadRequest, message, param);
}

/// <summary>How long a file is kept, where its owner says so.</summary>
internal static class FileExpiry
{
    public const long LeastSeconds = 3600;
    public const long MostSeconds = 2_592_000;

    public static bool TryRead(JsonElement value, out long? seconds)
    {
        seconds = null;
        if (value.ValueKind != JsonValueKind.Object
            || !value.TryGetProperty("anchor", out JsonElement anchor)
            || anchor.ValueKind != JsonValueKind.String || !anchor.ValueEquals("created_at")
            || !value.TryGetProperty("seconds", out JsonElement given)
            || given.ValueKind != JsonValueKind.Number || !given.TryGetInt64(out long whole)
            || whole is < LeastSeconds or > MostSeconds)
        {
            return false;
        }

        seconds = whole;
        return true;
    }
}
