using Forebay.Core.Serving;
using Xunit;

namespace Forebay.UnitTests.Core.Serving;

public sealed class WaitRoomTests
{
    private sealed class Waiter(params string[] usable) : IWaiter
    {
        public int Woken { get; private set; }

        public bool CanUse(string deploymentId) => usable.Contains(deploymentId);

        public void Wake() => Woken++;
    }

    [Fact]
    public void A_freed_place_wakes_the_first_that_can_use_it_and_passes_over_those_that_may_not()
    {
        var room = new WaitRoom();
        var europe = new Waiter("eu");
        var first = new Waiter("us", "eu");
        var second = new Waiter("us");
        foreach (Waiter w in (Waiter[])[europe, first, second])
        {
            Assert.NotNull(room.TryEnter(w, 10));
        }

        room.Freed("us");

        Assert.Equal((0, 1, 0), (europe.Woken, first.Woken, second.Woken));
    }

    [Fact]
    public void The_room_is_bounded_and_leaving_makes_room()
    {
        var room = new WaitRoom();
        LinkedListNode<IWaiter>? place = room.TryEnter(new Waiter("a"), 1);
        Assert.Null(room.TryEnter(new Waiter("a"), 1));

        room.Leave(place!);

        Assert.Equal(0, room.Count);
        Assert.NotNull(room.TryEnter(new Waiter("a"), 1));
    }
}
