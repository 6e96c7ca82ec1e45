using System.Text.Json;
using System.Text.Json.Serialization;
using Forebay.Core.Errors;
using Forebay.Core.Limits;
using Forebay.Core.Limits.Following;
using Forebay.Core.Time;
using Forebay.Gateway.Pipeline;
using Forebay.Gateway.Replies;
using Microsoft.AspNetCore.Http;

namespace Forebay.Gateway.Surfaces;

/// <summary>
/// GET /v1/limits: a tenant asks, with its key, what its limits are, what is left, which one binds and what changed. It
/// counts towards no limit and is not metered.
/// </summary>
internal sealed class LimitsSurface(GatewayRuntime runtime) : IDisposable
{
    private const int MostChanges = 50;

    /// <summary>Most questions to the database at once: tenants may ask as often as they like.</summary>
    private readonly SemaphoreSlim _reading = new(2);

    public async Task HandleAsync(Exchange x)
    {
        Failure failure = Authentication.Check(x, runtime);
        try
        {
            if (failure.IsNone)
            {
                await AnswerAsync(x);
                return;
            }
        }
        catch (Exception) when (x.ClientGone)
        {
            return;
        }
        catch (Exception e)
        {
            failure = new Failure(
                Reason.Internal, "Something went wrong inside the gateway; try again.", Detail: e.ToString());
            runtime.Failures.Write(x, failure);
        }

        await ErrorReply.SendAsync(x.Http, x.Wire, failure, x.IdText);
    }

    public void Dispose() => _reading.Dispose();

    private async Task AnswerAsync(Exchange x)
    {
        IReadOnlyList<LimitChange> changes = await ChangesAsync(x);
        var view = TenantLimitsView.Of(
            runtime.State, x.Tenant!, Instant.From(runtime.Time), changes);
        byte[] body = JsonSerializer.SerializeToUtf8Bytes(view, LimitsJson.Default.TenantLimitsView);
        x.Http.Response.ContentType = "application/json";
        x.Http.Response.ContentLength = body.Length;
        if (!HttpMethods.IsHead(x.Http.Request.Method))
        {
            await x.Http.Response.Body.WriteAsync(body, x.Http.RequestAborted);
        }
    }

    private async Task<IReadOnlyList<LimitChange>> ChangesAsync(Exchange x)
    {
        if (runtime.LimitHistory is not { } history)
        {
            return [];
        }

        await _reading.WaitAsync(x.Http.RequestAborted);
        try
        {
            // The database is asked where a thread may wait.
            await LongWork.ElsewhereAsync();
            IReadOnlyList<LimitChange> changes = await history.ReadAsync(
                x.Tenant!.Id, MostChanges, x.Http.RequestAborted);
            // Paths on this machine are nobody else's business.
            return
            [
                .. changes.Select(c => c.ChangedBy == LimitVersion.ChangedBy ? c : c with { Source = "fleet file" }),
            ];
        }
        finally
        {
            _reading.Release();
        }
    }
}

/// <summary>Source-generated JSON, as the admin API has it.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(TenantLimitsView))]
internal sealed partial class LimitsJson : JsonSerializerContext;
