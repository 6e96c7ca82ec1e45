using Forebay.Core.Serving;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Forebay.UnitTests.Core.Serving;

public sealed class RetryBudgetTests
{
    [Fact]
    public void Retries_never_exceed_the_reserve_and_the_share_of_requests()
    {
        Prop.ForAll<bool[]>(steps =>
        {
            var budget = new RetryBudget();
            int requests = 0;
            int retries = 0;
            foreach (bool retry in steps)
            {
                if (retry)
                {
                    retries += budget.TryWithdraw() ? 1 : 0;
                }
                else
                {
                    budget.Deposit(0.2);
                    requests++;
                }
            }

            return retries <= RetryBudget.ReserveRetries + 0.2 * requests;
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Five_requests_earn_one_retry_once_the_reserve_is_spent()
    {
        var budget = new RetryBudget();
        while (budget.TryWithdraw())
        {
        }

        for (int i = 0; i < 5; i++)
        {
            Assert.False(budget.TryWithdraw());
            budget.Deposit(0.2);
        }

        Assert.True(budget.TryWithdraw());
        Assert.False(budget.TryWithdraw());
    }
}
