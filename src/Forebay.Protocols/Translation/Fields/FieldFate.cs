namespace Forebay.Protocols;

/// <summary>What becomes of a field of a request on its way into another dialect.</summary>
public enum FieldFate : byte
{
    /// <summary>Said in the other dialect.</summary>
    Carried,

    /// <summary>Dropped, and named in the response header <c>x-forebay-dropped</c>: the answer is still an answer to
    /// what was asked.</summary>
    Advisory,

    /// <summary>The request is refused by the field's name: dropping it would change what was asked.</summary>
    Refused,
}
