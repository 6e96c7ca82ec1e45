using System.Net;
using System.Text.Json;
using Xunit;

namespace Forebay.FunctionalTests.Control;

public sealed class AdminCurveTests : IAsyncLifetime
{
    private AdminHarness _admin = null!;

    public async ValueTask InitializeAsync() => _admin = await AdminHarness.StartAsync();

    public ValueTask DisposeAsync() => _admin.DisposeAsync();

    [Fact]
    public async Task A_models_curve_has_a_point_per_objective_for_the_model_and_each_deployment_served()
    {
        string model = _admin.Fleet.Model.Deployments.First(d => d.Endpoint is not null).Config.Model;
        JsonElement curve = await _admin.GetAsync($"/v1/models/{model}/curve?ttft_p90_ms=5000,250.5&tpot_ms=200");

        Assert.Equal((model, 200), (curve.GetProperty("model").GetString(), curve.GetProperty("tpot_ms").GetDouble()));
        Assert.Equal(
            [250.5, 5000], curve.GetProperty("points").EnumerateArray().Select(p => p.GetProperty("ttft_p90_ms").GetDouble()));
        JsonElement[] deployments = [.. curve.GetProperty("deployments").EnumerateArray()];
        Assert.NotEmpty(deployments);
        Assert.Equal(
            curve.GetProperty("points")[1].GetProperty("requests_per_second").GetDouble(),
            deployments.Sum(d => d.GetProperty("points")[1].GetProperty("requests_per_second").GetDouble()),
            0.01);
        Assert.Equal(6, (await _admin.GetAsync($"/v1/models/{model}/curve")).GetProperty("points").GetArrayLength());
    }

    [Theory]
    [InlineData("ttft_p90_ms=fast", "milliseconds")]
    [InlineData("ttft_p90_ms=0", "milliseconds")]
    [InlineData("ttft_p90_ms=,", "milliseconds")]
    [InlineData("tpot_ms=-1", "whole number")]
    [InlineData("p90=1", "not known here")]
    public async Task What_is_no_objective_is_refused_with_what_would_be(string query, string says)
    {
        using HttpResponseMessage response = await _admin.SendAsync(HttpMethod.Get, $"/v1/models/deep/curve?{query}");

        Assert.Equal(HttpStatusCode.UnprocessableEntity, response.StatusCode);
        Assert.Contains(says, await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }
}
