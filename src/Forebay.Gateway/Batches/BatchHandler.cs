using System.Buffers;
using Forebay.Core.Access;
using Forebay.Core.Batches;
using Forebay.Core.Errors;
using Forebay.Core.Serving;
using Forebay.Core.Time;
using Forebay.Gateway.Pipeline;
using Forebay.Gateway.Replies;
using Microsoft.AspNetCore.Http;

namespace Forebay.Gateway.Batches;

/// <summary>Batches and files as clients call them: finds the call by path and method, checks the key, and words what
/// is refused.</summary>
internal sealed class BatchHandler
{
    public const string MessagesEndpoint = "/v1/messages";
    public const string MessageBatches = "/v1/messages/batches";
    public const string Batches = "/v1/batches";
    public const string Files = "/v1/files";

    private const string Get = "GET";
    private const string Post = "POST";
    private const string Delete = "DELETE";

    private readonly GatewayRuntime _runtime;
    private readonly MessageBatchSurface _messages;
    private readonly OpenAiBatchSurface _batches;
    private readonly FileSurface _files;

    public BatchHandler(GatewayRuntime runtime, IBatchDesk desk)
    {
        _runtime = runtime;
        var uploads = new Uploads(runtime);
        _messages = new MessageBatchSurface(runtime, desk, uploads);
        _batches = new OpenAiBatchSurface(runtime, desk);
        _files = new FileSurface(desk, uploads);
    }

    /// <summary>Whether a path is one of these.</summary>
    public static bool Serves(string path) =>
        IsUnder(path, MessageBatches) || IsUnder(path, Batches) || IsUnder(path, Files);

    public async Task HandleAsync(HttpContext http, SecretMemo memo, string path)
    {
        Dialect dialect = IsUnder(path, MessageBatches) ? Dialect.Anthropic : Dialect.OpenAi;
        var now = Instant.From(_runtime.Time);
        var x = new Exchange(http, _runtime.State.InForce, dialect, RequestId.New(now.WallUnixMs), now) { Memo = memo };
        PipelineHeaders.RequestId(http, x.IdText);
        Failure failure;
        try
        {
            failure = await RunAsync(x, path);
        }
        catch (Exception) when (x.ClientGone)
        {
            return;
        }
        catch (BatchRefusedException e)
        {
            failure = new Failure(
                e.Reason, e.Message, e.Param, null, e.InnerException?.Message, ShouldRetry: e.ShouldRetry);
        }
        catch (Exception e) when (e is IOException or InvalidDataException || e.GetType().Name == "StorageException")
        {
            failure = new Failure(
                Reason.StorageUnavailable, "What is stored cannot be read or written right now; try again later.", null,
                null, e.Message);
        }
        catch (Exception e)
        {
            failure = new Failure(
                Reason.Internal, "Something went wrong inside the gateway; try again.", Detail: e.ToString());
        }
        finally
        {
            x.Body?.Dispose();
        }

        if (failure.IsNone)
        {
            return;
        }

        _runtime.Failures.Write(x, failure);
        if (http.Response.HasStarted)
        {
            // Half of the contents went out; only a cut connection can say so.
            http.Abort();
            return;
        }

        await ErrorReply.SendAsync(http, x.Wire, failure, x.IdText);
    }

    private static bool IsUnder(string path, string root) =>
        path.StartsWith(root, StringComparison.Ordinal) && (path.Length == root.Length || path[root.Length] == '/');

    private async Task<Failure> RunAsync(Exchange x, string path)
    {
        Failure failure = Authentication.Check(x, _runtime);
        if (!failure.IsNone)
        {
            return failure;
        }

        // Contents are on the disk, and a thread that waits for sockets must not wait for that.
        await LongWork.ElsewhereAsync();
        string[] parts = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        int root = IsUnder(path, MessageBatches) ? 3 : 2;
        string? id = parts.Length > root ? parts[root] : null;
        string? action = parts.Length > root + 1 ? parts[root + 1] : null;
        string method = HttpMethods.IsHead(x.Http.Request.Method) ? Get : x.Http.Request.Method;
        (string Method, Func<Task<Failure>> Serve)[] calls = parts.Length > root + 2 ? [] : parts[1] switch
        {
            "messages" => MessageCalls(x, id, action),
            "batches" => BatchCalls(x, id, action),
            _ => FileCalls(x, id, action),
        };
        foreach ((string answered, Func<Task<Failure>> serve) in calls)
        {
            if (answered == method)
            {
                return await serve();
            }
        }

        if (calls.Length == 0)
        {
            return new Failure(Reason.NoSuchPath, $"Nothing is served at {(path.Length <= 100 ? path : path[..100])}.");
        }

        x.Http.Response.Headers.Allow = string.Join(", ", calls.Select(c => c.Method));
        return new Failure(
            Reason.MethodNotAllowed, $"This path answers {string.Join(" and ", calls.Select(c => c.Method))} only.");
    }

    private (string, Func<Task<Failure>>)[] MessageCalls(Exchange x, string? id, string? action) => (id, action) switch
    {
        (null, _) => [(Post, () => _messages.CreateAsync(x)), (Get, () => _messages.ListAsync(x))],
        (_, null) => [(Get, () => _messages.ShowAsync(x, id)), (Delete, () => _messages.DeleteAsync(x, id))],
        (_, "cancel") => [(Post, () => _messages.CancelAsync(x, id))],
        (_, "results") => [(Get, () => _messages.ResultsAsync(x, id))],
        _ => [],
    };

    private (string, Func<Task<Failure>>)[] BatchCalls(Exchange x, string? id, string? action) => (id, action) switch
    {
        (null, _) => [(Post, () => _batches.CreateAsync(x)), (Get, () => _batches.ListAsync(x))],
        (_, null) => [(Get, () => _batches.ShowAsync(x, id))],
        (_, "cancel") => [(Post, () => _batches.CancelAsync(x, id))],
        _ => [],
    };

    private (string, Func<Task<Failure>>)[] FileCalls(Exchange x, string? id, string? action) => (id, action) switch
    {
        (null, _) => [(Post, () => _files.CreateAsync(x)), (Get, () => _files.ListAsync(x))],
        (_, null) => [(Get, () => _files.ShowAsync(x, id)), (Delete, () => _files.DeleteAsync(x, id))],
        (_, "content") => [(Get, () => _files.ContentAsync(x, id))],
        _ => [],
    };

    /// <summary>Who calls.</summary>
    public static BatchCaller CallerOf(Exchange x) => new(x.Tenant!.Id, x.Key!.Id);

    /// <summary>Sends a JSON answer.</summary>
    public static async Task<Failure> SendAsync(Exchange x, ArrayBufferWriter<byte> json)
    {
        HttpResponse response = x.Http.Response;
        response.ContentType = "application/json";
        response.ContentLength = json.WrittenCount;
        if (!HttpMethods.IsHead(x.Http.Request.Method))
        {
            await response.Body.WriteAsync(json.WrittenMemory, x.Http.RequestAborted);
        }

        return Failure.None;
    }
}
