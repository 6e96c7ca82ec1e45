using Forebay.Protocols.Bedrock;
using Xunit;

namespace Forebay.UnitTests.Protocols.Bedrock;

public sealed class BedrockErrorTests
{
    [Theory]
    [InlineData("ThrottlingException", BedrockError.Throttled)]
    [InlineData("ThrottlingException:http://internal.amazon.com/coral/com.amazon.bedrock/", BedrockError.Throttled)]
    [InlineData("com.amazon.coral.availability#ThrottlingException", BedrockError.Throttled)]
    [InlineData("throttlingException", BedrockError.Throttled)]
    [InlineData("ExpiredTokenException", BedrockError.Expired)]
    [InlineData("modelStreamErrorException", BedrockError.ModelError)]
    [InlineData("", BedrockError.Unknown)]
    [InlineData("SomethingNewException", BedrockError.Unknown)]
    public void Names_are_known_however_they_are_sent(string name, BedrockError expected) =>
        Assert.Equal(expected, BedrockErrors.Named(name));

    [Theory]
    [InlineData(BedrockError.BadSignature, "Signature expired: 20261122T100000Z is now earlier than 20261122T101000Z", true)]
    [InlineData(BedrockError.BadSignature, "Signature not yet current: 20261122T100000Z is still later than ...", true)]
    [InlineData(BedrockError.BadSignature, "The request signature we calculated does not match the signature", false)]
    [InlineData(BedrockError.Expired, "The security token included in the request is expired", false)]
    public void A_wrong_clock_is_told_from_a_wrong_key(BedrockError error, string message, bool expected) =>
        Assert.Equal(expected, BedrockErrors.IsClockSkew(error, message));
}
