using Forebay.Core.Errors;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Permission;
using Forebay.Gateway.Translation;
using Forebay.Protocols;

namespace Forebay.Gateway.Pipeline;

/// <summary>Step 4: turns a request into the deployments that may serve it, or a precise error.</summary>
internal static class Policing
{
    private const string AnthropicVersion = "anthropic-version";

    public static Failure Check(Exchange x, FleetState state)
    {
        if (x.Dialect == Dialect.Anthropic && x.Http.Request.Headers[AnthropicVersion].Count == 0)
        {
            return new Failure(
                Reason.BadRequest, "anthropic-version: header is required, for example 2023-06-01.", AnthropicVersion);
        }

        ServedModel? model = x.Fleet.FindModel(x.Facts.Model);
        if (model is null || !MaySee(x, model))
        {
            return NoSuchModel(x);
        }

        if (x.Key!.Models is { } models && !models.Contains(model.Id))
        {
            return new Failure(
                Reason.NotPermitted,
                $"API key {x.Key.Id} may use only {string.Join(", ", models)}. Use one of these, or another key.",
                "model");
        }

        x.Model = model;
        if (x.ExpectedInputTokens == 0)
        {
            // Once: what was reserved by it is what is settled.
            x.ExpectedInputTokens = state.InputOf(model).Correct(x.Facts.EstimatedInputTokens);
        }

        Failure failure = CheckAsked(x, model);
        if (!failure.IsNone)
        {
            return failure;
        }

        failure = AskedPlaces.Read(x, out PermissionRules rules);
        return failure.IsNone ? Narrow(x, model, rules) : failure;
    }

    /// <summary>What the model cannot do, whoever serves it.</summary>
    private static Failure CheckAsked(Exchange x, ServedModel model)
    {
        if (x.Embeds != model.Config.Embeddings)
        {
            return new Failure(
                Reason.Capability,
                x.Embeds
                    ? $"{model.Id} answers prompts and embeds no texts. Call POST /v1/chat/completions, " +
                        "/v1/responses or /v1/messages, or choose a model that embeds."
                    : $"{model.Id} embeds texts and answers no prompts. Call POST /v1/embeddings, or choose another " +
                        "model.",
                "model");
        }

        if (x.Facts.Background)
        {
            return new Failure(
                Reason.BadRequest,
                "background: answers are not computed in the background here, for what they use could not be " +
                "metered. Leave it out, and send stream: true for long answers.",
                "background");
        }

        string param = x.Dialect == Dialect.Responses ? "max_output_tokens" : "max_tokens";
        return x.Facts.MaxTokens > model.Config.MaxOutputTokens
            ? new Failure(
                Reason.BadRequest,
                $"{param}: {x.Facts.MaxTokens} is more than {model.Config.MaxOutputTokens}, the most that " +
                $"{model.Id} may produce. Ask for fewer.",
                param)
            : Failure.None;
    }

    /// <summary>Finds who may serve it.</summary>
    private static Failure Narrow(Exchange x, ServedModel model, PermissionRules rules)
    {
        x.Rules = rules;
        x.RulesKnown = true;
        Permit permit = PermitOf(x, x.InForce);
        x.Eligible = permit.Set;
        if (permit.Reason != Reason.None || !x.Embeds)
        {
            return permit.Reason == Reason.None ? Failure.None : Refusal(x, model, permit.Reason);
        }

        // Embeddings are never translated: only OpenAI's form of them is known.
        Translating.KeepNative(x);
        return x.Eligible.Count > 0 ? Failure.None : Refusal(x, model, Reason.Overloaded);
    }

    /// <summary>Where the request may be served under what is in force: one lookup.</summary>
    public static Permit PermitOf(Exchange x, InForce inForce) => x.Model!.Eligibility.Police(
        x.Rules, RoutingOf(x), inForce.Exports.Of(x.Model.Id));

    /// <summary>
    /// Polices a request again by what is in force, after a reload or an export mask took out what it was waiting for
    /// or sent to: it was accepted and goes on wherever it now may. Its tenant keeps the tier that its reservation was
    /// made by.
    /// </summary>
    public static Failure CheckAgain(Exchange x, InForce inForce, FleetState state)
    {
        Tenant accepted = x.Tenant!;
        x.InForce = inForce;
        x.Tenant = inForce.Model.FindTenant(accepted.Id) ?? accepted;
        Failure failure = Check(x, state);
        x.Tenant = accepted;
        return failure;
    }

    /// <summary>Models that a tenant may not use do not exist for it.</summary>
    public static bool MaySee(Exchange x, ServedModel model) =>
        x.Tenant!.Models is not { } allowed || allowed.Contains(model.Id);

    public static RoutingRequest RoutingOf(Exchange x) => new(
        (x.Facts.Features.HasFlag(RequestFeatures.Tools) ? RequestNeeds.Tools : 0)
            | (x.Facts.Features.HasFlag(RequestFeatures.Images) ? RequestNeeds.Images : 0)
            | (x.Facts.Features.HasFlag(RequestFeatures.Documents) ? RequestNeeds.Documents : 0)
            | (x.Facts.Features.HasFlag(RequestFeatures.Audio) ? RequestNeeds.Audio : 0),
        x.ContextTokens,
        x.Facts.MaxTokens);

    private static Failure NoSuchModel(Exchange x)
    {
        string known = string.Join(", ", x.Fleet.Models.Where(m => MaySee(x, m)).Select(m => m.Id).Take(20));
        string name = x.Facts.Model;
        return new Failure(
            Reason.NoSuchModel,
            known.Length == 0
                ? $"model: {name}. This key may use no model; ask the operator."
                : $"model: {name}. There is no such model here for this key. It may use: {known}.",
            "model");
    }

    private static Failure Refusal(Exchange x, ServedModel model, Reason reason) => reason switch
    {
        Reason.Capability => new Failure(
            reason,
            $"{model.Id} cannot take this request: it has a context of {model.Config.ContextTokens:N0} tokens and " +
            $"takes {string.Join(", ", model.Config.Modalities).ToLowerInvariant()}" +
            $"{(model.Config.Tools ? " and tools" : ", no tools")}. Choose another model, or send less.",
            "model"),
        Reason.Residency => new Failure(
            reason,
            $"{model.Id} is not served anywhere that {AskedPlaces.Describe(x)} allow" +
            $"{(AskedPlaces.Count(x.Rules) > 1 ? " together" : "s")}. Choose another model, or ask the operator."),
        Reason.ExportControl => new Failure(
            reason,
            $"An export rule keeps {model.Id} from every place that could serve this request. Choose another model, " +
            "or ask the operator."),
        _ => new Failure(
            reason, $"{model.Id} is configured but served nowhere right now; try again later.", "model", 30),
    };
}
