namespace Forebay.Protocols;

/// <summary>What keeps an answer that broke off from being gone on with.</summary>
public enum ContinuationBar : byte
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>The answer holds reasoning, which is signed or cannot be handed back.</summary>
    Thinking,

    /// <summary>A tool was called, or is being called, or must be.</summary>
    ToolCall,

    /// <summary>The answer holds several blocks, or one that is not text.</summary>
    Blocks,

    /// <summary>The answer may cite: its text is tied to places in documents.</summary>
    Citations,

    /// <summary>The answer follows a format or grammar, whose state went with the engine.</summary>
    StructuredOutput,

    /// <summary>Log probabilities were asked for or sent.</summary>
    LogProbabilities,

    /// <summary>There are several choices.</summary>
    Choices,

    /// <summary>The text ends with what may be the beginning of a stop sequence.</summary>
    StopSequence,

    /// <summary>The text ends within a character.</summary>
    Character,

    /// <summary>The text is longer than what is held of it.</summary>
    TooLong,

    /// <summary>The client began the answer itself, with something that text cannot be added to.</summary>
    Prefill,

    /// <summary>Another field of the request asks for what a continued answer cannot give.</summary>
    Field,

    /// <summary>About as much was produced as was asked for, and how much exactly is not known.</summary>
    LimitNear,

    /// <summary>The stream was not as the dialect has it: it began twice, or could not be read.</summary>
    Stream,
}
