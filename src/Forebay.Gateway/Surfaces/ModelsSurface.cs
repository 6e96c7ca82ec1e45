using System.Buffers;
using Forebay.Core.Errors;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Gateway.Pipeline;
using Forebay.Gateway.Replies;
using Forebay.Protocols;
using Microsoft.AspNetCore.Http;

namespace Forebay.Gateway.Surfaces;

/// <summary>GET /v1/models: one answer that clients of both dialects read; only what the key may use is
/// listed.</summary>
internal sealed class ModelsSurface(GatewayRuntime runtime)
{
    public async Task ListAsync(Exchange x)
    {
        if (await RefusedAsync(x))
        {
            return;
        }

        ModelCard[] cards = [.. x.Fleet.Models.Where(m => MayUse(x, m)).Select(CardOf)];
        IQueryCollection query = x.Http.Request.Query;
        if (!ModelPage.TryParse(
            query["limit"], query["after_id"], query["before_id"], out ModelPage page, out RequestProblem problem))
        {
            var failure = new Failure(Reason.BadRequest, problem.Message, problem.Param);
            await ErrorReply.SendAsync(x.Http, x.Wire, failure, x.IdText);
            return;
        }

        var body = new ArrayBufferWriter<byte>(1024);
        ModelList.Write(body, cards, page);
        await SendAsync(x.Http, body);
    }

    public async Task OneAsync(Exchange x, string id)
    {
        if (await RefusedAsync(x))
        {
            return;
        }

        ServedModel? model = x.Fleet.FindModel(id);
        if (model is null || !MayUse(x, model))
        {
            await ErrorReply.SendAsync(
                x.Http,
                x.Wire,
                new Failure(Reason.NoSuchModel, $"model: {id}. There is no such model here for this key.", "model"),
                x.IdText);
            return;
        }

        var body = new ArrayBufferWriter<byte>(512);
        ModelList.WriteOne(body, CardOf(model));
        await SendAsync(x.Http, body);
    }

    private async Task<bool> RefusedAsync(Exchange x)
    {
        Failure failure = Authentication.Check(x, runtime);
        if (failure.IsNone)
        {
            return false;
        }

        await ErrorReply.SendAsync(x.Http, x.Wire, failure, x.IdText);
        return true;
    }

    private static bool MayUse(Exchange x, ServedModel model) =>
        Policing.MaySee(x, model) && (x.Key!.Models is not { } models || models.Contains(model.Id));

    private static ModelCard CardOf(ServedModel model)
    {
        ModelConfig c = model.Config;
        var created = new DateTimeOffset(c.Created ?? DateOnly.FromDateTime(DateTime.UnixEpoch), default, default);
        return new ModelCard(
            c.Id,
            c.DisplayName ?? c.Id,
            created,
            "forebay",
            c.ContextTokens,
            c.MaxOutputTokens,
            (Array.IndexOf(c.Modalities, Modality.Image) >= 0 ? RequestFeatures.Images : RequestFeatures.None)
                | (Array.IndexOf(c.Modalities, Modality.Document) >= 0 ? RequestFeatures.Documents : 0));
    }

    private static async Task SendAsync(HttpContext http, ArrayBufferWriter<byte> body)
    {
        http.Response.ContentType = "application/json";
        http.Response.ContentLength = body.WrittenCount;
        if (!HttpMethods.IsHead(http.Request.Method))
        {
            await http.Response.Body.WriteAsync(body.WrittenMemory, http.RequestAborted);
        }
    }
}
