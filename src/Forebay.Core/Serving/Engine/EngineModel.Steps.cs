namespace Forebay.Core.Serving.Engine;

/// <summary>The engine's steps: plan a run, carry it out, start again.</summary>
public sealed partial class EngineModel
{
    private void AdvanceTo(long nowNs)
    {
        EnsurePlanned();
        while (_run.Steps > 0 && _run.EndNs(_run.Steps) <= nowNs)
        {
            CompleteRun();
            EnsurePlanned();
        }
    }

    private void EnsurePlanned()
    {
        if (_run.Steps == 0 && _sequences.Count > 0)
        {
            PlanRun();
        }
    }

    /// <summary>
    /// Plans the next run of steps, in order: blocks for the decoding sequences, prompts under way, prompts that wait;
    /// then how many steps pass before the composition changes.
    /// </summary>
    private void PlanRun()
    {
        _chunks.Clear();
        bool preempted = MakeRoomForOneStep();
        int budget = _p.MaxTokensPerStep - _decode.Count;
        for (int slot = _sequences.First(SequencePhase.Prefilling);
            slot != SequenceTable.None && budget > 0;
            slot = _sequences.Next(slot))
        {
            budget -= AddChunk(slot, budget);
        }

        // Right after a preemption nothing is admitted: it would take back the blocks just freed.
        while (!preempted && budget > 0 && Running < _p.MaxSequences)
        {
            int slot = _sequences.First(SequencePhase.Waiting);
            if (slot == SequenceTable.None || !TryAdmit(slot))
            {
                break;
            }

            budget -= AddChunk(slot, budget);
        }

        if (Running == 0)
        {
            throw new InvalidOperationException("Requests wait on an engine with nothing to do.");
        }

        _leftoverTokens = budget;
        SetRun(_p.MaxTokensPerStep - budget, preempted ? 1 : MaxStepsPerRun);
    }

    private void SetRun(int tokens, int steps)
    {
        if (_sequences.TryPeekFinish(out long finish, out _))
        {
            steps = (int)Math.Min(steps, finish - _decode.Step);
        }

        long pairs = 0;
        long growth = _decode.Count * _p.KvReadPs;
        foreach ((int slot, int chunk) in _chunks)
        {
            ref Sequence sequence = ref _sequences[slot];
            pairs += (long)chunk * sequence.PrefilledTokens + (long)chunk * (chunk + 1) / 2;

            // A prompt alone on the whole budget takes several like steps; otherwise the next step differs.
            int left = sequence.PrefillTokens - sequence.PrefilledTokens;
            steps = _chunks.Count == 1 ? Math.Min(steps, left / chunk) : 1;
            growth += (long)chunk * chunk * _p.AttentionPairPs;
        }

        _run.Steps = _decode.StepsWithin(FreeBlocks, steps);
        _run.FirstPs = _p.StepPs(
            _decode.Count + _chunks.Count, tokens, _decode.ContextTokens + _decode.Count, pairs);
        _run.GrowthPs = growth;
    }

    private int AddChunk(int slot, int budget)
    {
        ref Sequence sequence = ref _sequences[slot];
        int tokens = Math.Min(budget, sequence.PrefillTokens - sequence.PrefilledTokens);
        _chunks.Add((slot, tokens));
        return tokens;
    }

    private bool MakeRoomForOneStep()
    {
        bool preempted = false;
        while (_decode.BlocksFor(1) > FreeBlocks)
        {
            // The youngest goes: prompts are prefilled in order of arrival, so it stands last in one of the lists.
            int slot = _sequences.Last(SequencePhase.Prefilling);
            slot = slot != SequenceTable.None ? slot : _sequences.Last(SequencePhase.Decoding);
            if (Running == 1)
            {
                throw new InvalidOperationException("One request alone does not fit the KV blocks.");
            }

            Leave(slot);
            ref Sequence sequence = ref _sequences[slot];
            _sequences.MoveToHeadOfWaiting(slot);
            _preemptions++;
            preempted = true;
            Emit(EngineEventKind.Preempted, sequence);
        }

        return preempted;
    }

    /// <summary>Whether a waiting request could be admitted, looking only at numbers.</summary>
    private bool CouldFit(int slot)
    {
        ref Sequence sequence = ref _sequences[slot];
        return EngineParameters.BlocksFor(sequence.PromptTokens) - sequence.PrefixHashes.Length <= FreeBlocks;
    }

    private bool TryAdmit(int slot)
    {
        ref Sequence sequence = ref _sequences[slot];
        int tokens = sequence.PromptTokens + sequence.Outputs;
        int blocks = EngineParameters.BlocksFor(tokens);
        ulong[] hashes = sequence.PrefixHashes;

        // At least one token is computed, else there would be no logits to sample from.
        int most = Math.Min(hashes.Length, (tokens - 1) / EngineParameters.BlockTokens);
        if (blocks - most > FreeBlocks)
        {
            return false;
        }

        int hits = 0;
        int heldHits = 0;
        while (hits < most && _cache.Contains(hashes[hits], out bool held))
        {
            hits++;
            heldHits += held ? 1 : 0;
        }

        // The reserve lets the batch grow for a while before it has to preempt what was just admitted.
        int reserve = Running == 0 ? 0 : Math.Max(_p.KvBlocks / 100, _decode.Count);
        if (blocks - heldHits + reserve > FreeBlocks)
        {
            return false;
        }

        for (int i = 0; i < hits; i++)
        {
            _cache.Hold(hashes[i]);
        }

        _privateBlocks += blocks - hits;
        _cache.Shrink(FreeBlocks);
        sequence.SharedBlocks = hits;
        sequence.PrefillTokens = tokens;
        sequence.PrefilledTokens = hits * EngineParameters.BlockTokens;
        _prefixQueried += hashes.Length > 0 ? tokens : 0;
        _prefixHit += sequence.PrefilledTokens;
        if (!sequence.Admitted)
        {
            sequence.Admitted = true;
            sequence.CachedTokens = sequence.PrefilledTokens;
            sequence.QueuedNs = Math.Max(0, _run.StartNs - sequence.SubmittedNs);
            _promptTokens += sequence.PromptTokens;
        }

        _sequences.MoveToEnd(slot, SequencePhase.Prefilling);
        return true;
    }

    private void CompleteRun()
    {
        Settle(_run.Steps);
        foreach ((int slot, _) in _chunks)
        {
            if (_sequences[slot].PrefilledTokens == _sequences[slot].PrefillTokens)
            {
                CompletePrefill(slot);
            }
        }

        while (_sequences.TryPeekFinish(out long step, out int slot) && step == _decode.Step)
        {
            Finish(slot);
        }

        CheckInvariants();
    }

    /// <summary>Carries out the first steps of the run.</summary>
    private void Settle(int steps)
    {
        _privateBlocks += _decode.BlocksFor(steps);
        _generated += (long)steps * _decode.Count;
        _decode.Advance(steps);
        foreach ((int slot, int tokens) in _chunks)
        {
            _sequences[slot].PrefilledTokens += steps * tokens;
        }

        _run.Skip(steps);
        _cache.Shrink(FreeBlocks);
    }

    /// <summary>Carries out the steps done by a time and leaves of the run only the step under way.</summary>
    private void SettleTo(long nowNs)
    {
        if (_run.Steps > 0)
        {
            int steps = _run.StepsBy(nowNs);
            bool between = _run.IsBoundary(steps, nowNs);
            Settle(steps);
            _run.Steps = between ? 0 : 1;
        }

        if (_run.Steps == 0)
        {
            _chunks.Clear();
        }
    }

    /// <summary>Ends the run with the step under way, so that the next plan can differ.</summary>
    private void EndRunSoon(long nowNs)
    {
        if (_run.Steps > 0)
        {
            int steps = _run.StepsBy(nowNs);
            if (_run.IsBoundary(steps, nowNs))
            {
                SettleTo(nowNs);
            }
            else
            {
                _run.Steps = steps + 1;
            }
        }
    }

    private void CompletePrefill(int slot)
    {
        ref Sequence sequence = ref _sequences[slot];
        for (int i = sequence.SharedBlocks; i < sequence.PrefixHashes.Length; i++)
        {
            // Another request may have computed the same block meanwhile: one copy is kept.
            _cache.Hold(sequence.PrefixHashes[i]);
            _privateBlocks--;
        }

        sequence.SharedBlocks = sequence.PrefixHashes.Length;
        sequence.Outputs++;
        _generated++;
        if (sequence.Outputs == 1)
        {
            Emit(EngineEventKind.FirstToken, sequence);
        }

        _sequences.MoveToEnd(slot, SequencePhase.Decoding);
        sequence.DecodeBase = sequence.Outputs - _decode.Step;
        _decode.Add(sequence.PrefillTokens);
        _sequences.SetFinish(slot, _decode.Step + sequence.TargetTokens - sequence.Outputs);
    }

    private void Finish(int slot)
    {
        Leave(slot);
        ref Sequence sequence = ref _sequences[slot];
        if (sequence.Outputs != sequence.TargetTokens)
        {
            throw new InvalidOperationException(
                $"Request {sequence.Id} ended at {sequence.Outputs} of {sequence.TargetTokens} tokens.");
        }

        Emit(EngineEventKind.Finished, sequence);
        _sequences.Remove(slot);
        _finished++;
    }

    /// <summary>Takes a running sequence out of the batch and gives its blocks back; its tokens stand.</summary>
    private void Leave(int slot)
    {
        ref Sequence sequence = ref _sequences[slot];
        int context = sequence.PrefillTokens;
        if (sequence.Phase == SequencePhase.Decoding)
        {
            sequence.Outputs = (int)(sequence.DecodeBase + _decode.Step);
            context = sequence.PromptTokens + sequence.Outputs - 1;
            _decode.Remove(context);
        }
        else
        {
            DropChunk(slot);
        }

        _privateBlocks -= EngineParameters.BlocksFor(context) - sequence.SharedBlocks;

        // Last block first: when memory is wanted a chain loses its tail before its head.
        for (int i = sequence.SharedBlocks - 1; i >= 0; i--)
        {
            _cache.Release(sequence.PrefixHashes[i]);
        }

        sequence.SharedBlocks = 0;
    }

    private void DropChunk(int slot)
    {
        for (int i = 0; i < _chunks.Count; i++)
        {
            if (_chunks[i].Slot == slot)
            {
                _chunks.RemoveAt(i);
                return;
            }
        }
    }

    private void Emit(EngineEventKind kind, in Sequence sequence)
    {
        long atNs = _run.StartNs + (_run.StartPs > 0 ? 1 : 0);
        _pending.Add(new EngineEvent(
            kind, sequence.Id, atNs, sequence.Outputs, sequence.CachedTokens, sequence.QueuedNs));
    }
}
