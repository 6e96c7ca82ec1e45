using Forebay.Core.Errors;
using Forebay.Core.Fleet;
using Forebay.Core.Limits;
using Forebay.Core.Time;
using Forebay.Core.Usage;
using Forebay.Gateway.Continuation;
using Forebay.Gateway.Pinning;
using Forebay.Gateway.Relay;
using Forebay.Gateway.Replies;
using Forebay.Gateway.Translation;
using Forebay.Gateway.Versions;
using Microsoft.AspNetCore.Http;

namespace Forebay.Gateway.Pipeline;

/// <summary>
/// A model call, in the ten numbered steps: authenticate, accept, parse, police, reserve, queue, route, forward, relay,
/// settle. Each step returns a failure or nothing; the first failure is the answer.
/// </summary>
internal sealed class RequestPipeline(GatewayRuntime runtime)
{
    /// <summary>Serves one call from start to end. Never throws but for a broken invariant.</summary>
    public async Task HandleAsync(Exchange x)
    {
        Failure failure;
        try
        {
            failure = await RunAsync(x);
        }
        catch (Exception e) when (x.ClientGone)
        {
            failure = x.ClientStalled
                ? new Failure(Reason.ClientStalled, "The client stopped reading its answer.")
                : new Failure(Reason.ClientGone, "The client went away.", Detail: e.GetType().Name);
        }
        catch (JournalUnavailableException e)
        {
            failure = new Failure(
                Reason.JournalUnavailable, "Usage cannot be recorded right now, so nothing is served; try again " +
                "shortly.", null, 1, e.Message);
        }
        catch (Exception e)
        {
            failure = new Failure(Reason.Internal, "Something went wrong inside the gateway; try again.",
                Detail: e.ToString());
        }

        try
        {
            await FinishAsync(x, failure);
        }
        finally
        {
            x.Body?.Dispose();
            x.Foreign?.Dispose();
            x.Answer?.Dispose();
            x.Prefix?.Dispose();
            if (x.Stream is { } stream)
            {
                runtime.Sweep.Remove(stream);
                await stream.CloseAsync();
            }
        }
    }

    private async Task<Failure> RunAsync(Exchange x)
    {
        // 1. Authenticate: from the headers alone.
        Failure failure = Authentication.Check(x, runtime);
        if (!failure.IsNone)
        {
            return failure;
        }

        // 2. Accept: the body, once, within every limit.  3. Parse: one forward pass.
        failure = await Acceptance.ReadAsync(x, runtime, countTokens: false);
        if (!failure.IsNone)
        {
            return failure;
        }

        // 4. Police: who may use what, where; where only another dialect is spoken, whether it can be said there.
        failure = Policing.Check(x, runtime.State);
        failure = failure.IsNone ? Continuing.Check(x) : failure;
        failure = failure.IsNone ? Pinned.Check(x, runtime) : failure;
        failure = failure.IsNone ? Versioning.Check(x, runtime) : failure;
        failure = failure.IsNone ? ClientDeadline.Read(x) : failure;
        failure = failure.IsNone ? Translating.Check(x, runtime) : failure;
        Explaining.Policed(x, runtime, failure);
        if (!failure.IsNone)
        {
            return failure;
        }

        // 5. Reserve: limits first, then the accept record, before anything is forwarded.
        failure = Reserve(x);
        Explaining.Limited(x, runtime, failure);
        if (!failure.IsNone)
        {
            return failure;
        }

        // 6 to 10. Queue, route, forward, relay, settle: once per attempt.
        x.Prefix = PromptPrefix.Of(x, runtime);
        runtime.State.DepositRetry(x.Model!, x.Settings.RetryBudgetRatio);
        if (x.Facts.Stream)
        {
            x.Stream = new ClientStream(x.Http, x.Wire, runtime.Time);
            runtime.Sweep.Add(x.Stream, x.Http);
        }

        return await new Dispatch(x, runtime).RunAsync();
    }

    private Failure Reserve(Exchange x)
    {
        // Not the time of acceptance: a body held back for a minute must not draw on the minute before it.
        var now = Instant.From(runtime.Time);
        ServedModel model = x.Model!;
        LimitPlan plan = runtime.State.PlanOf(x.Tenant!);
        x.ReservedAt = now;
        LimitDecision decision = runtime.State.LimitsOf(x.Tenant!).Reserve(
            plan,
            new LimitRequest(
                model.Id,
                model.LimitClass,
                Math.Min(x.ExpectedInputTokens, (long)model.Config.ContextTokens * x.Items),
                x.Facts.MaxTokens ?? model.Config.MaxOutputTokens,
                x.Batch is { Prepaid: true } ? default : model.Prices.At(now.WallUnixMs, x.Batch is not null),
                SpendOnly: x.Batch is not null),
            now);
        LimitHeaders.Set(x, runtime.State, now);
        if (decision.Refusal is { } refusal)
        {
            runtime.Metrics.LimitRefused(x, refusal);
            return LimitRefusals.Of(refusal, plan.Tier.Id);
        }

        x.Reservation = decision.Reservation;
        x.Reserved = true;
        runtime.Journal.Accept(new AcceptRecord(
            x.Id,
            now.WallUnixMs,
            x.Tenant!.Id,
            x.Key!.Id,
            model.Id,
            x.ExpectedInputTokens,
            decision.Reservation.OutputTokens,
            x.Batch is not null));
        x.AcceptRecorded = true;
        return Failure.None;
    }

    /// <summary>Whatever happened: the record is settled, the client has an answer, the failure is counted and logged
    /// once.</summary>
    private async Task FinishAsync(Exchange x, Failure failure)
    {
        bool inStream = !failure.IsNone && await ErrorReply.IsInStreamAsync(x);
        if (!failure.IsNone && x.Status == 0)
        {
            x.Status = inStream ? StatusCodes.Status200OK : ErrorReply.StatusOf(x.Wire, failure.Reason);
        }

        if (failure.IsClientGone && x.AttemptOpen && x.Tokens == default)
        {
            // The engine read the prompt, whatever came of it: leaving before the first event is not free.
            x.Tokens = new TokenUsage(x.Facts.EstimatedInputTokens, 0, 0, 0);
            x.TokensEstimated = true;
        }

        if (x.AcceptRecorded && !x.Settled)
        {
            UsageOutcome outcome = failure.IsClientGone ? UsageOutcome.ClientGone : UsageOutcome.Failed;
            Settlement.Write(x, runtime, outcome, failure.Reason);
        }
        else
        {
            Settlement.Cancel(x, runtime);
        }

        // A refusal of the upstream's that went back word for word carries no message of ours.
        if (!failure.IsNone && !failure.IsClientGone && failure.Message.Length > 0)
        {
            await ErrorReply.SendAsync(x, failure, inStream);
        }

        Explaining.Finish(x, runtime, failure);
        runtime.Metrics.Finished(x, failure, Instant.From(runtime.Time));
        if (x.Model is { } model)
        {
            runtime.State.TallyOf(model)
                .Ended(failure.Reason, x.Attempts, x.Answer is { Times: > 0 }, x.TimeToFirstTokenMs);
        }

        if (!failure.IsNone)
        {
            runtime.Failures.Write(x, failure);
        }
    }
}
