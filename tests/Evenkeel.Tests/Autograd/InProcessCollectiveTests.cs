using Xunit;

namespace Evenkeel.Tests.Autograd;

public sealed class InProcessCollectiveTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(8)]
    public void Every_member_gets_the_values_of_all_in_the_order_of_the_ranks(int size)
    {
        using var group = new InProcessCollective(size);
        int wrong = 0, done = 0;
        group.Run(member =>
        {
            for (int meeting = 0; meeting < 300; meeting++)
            {
                // Meetings of different lengths, so that buffers grow while others still read.
                int length = 1 + (meeting * 7 % 13);
                double[] own = new double[length], all = new double[length * size];
                Array.Fill(own, (1000 * meeting) + member.Rank);
                member.AllGather("test", own, all);
                for (int i = 0; i < all.Length; i++)
                {
                    if (all[i] != (1000 * meeting) + (i / length)) Interlocked.Increment(ref wrong);
                }
            }

            Interlocked.Increment(ref done);
        });
        Assert.Equal(size, done);
        Assert.Equal(0, wrong);
    }

    [Fact]
    public void Fewer_members_may_meet_than_there_are()
    {
        using var group = new InProcessCollective(4);
        double[] seen = [];
        group.Run(
            member =>
            {
                double[] all = new double[member.Size];
                member.AllGather("test", [member.Rank + 1], all);
                if (member.Rank == 0) seen = all;
            },
            members: 3);
        Assert.Equal([1, 2, 3], seen);
    }

    [Fact]
    public void What_a_member_throws_reaches_the_caller_and_nobody_hangs()
    {
        using var group = new InProcessCollective(3);
        for (int attempt = 0; attempt < 20; attempt++)
        {
            FormatException failure = Assert.Throws<FormatException>(() => group.Run(member =>
            {
                Meet(member, "first");
                if (member.Rank == 1) throw new FormatException("a bad picture");
                Meet(member, "second");
            }));
            Assert.Equal("a bad picture", failure.Message);
        }

        // A broken group works again in its next run.
        group.Run(member => Meet(member, "third"));
    }

    [Fact]
    public void A_member_that_finishes_early_is_named()
    {
        using var group = new InProcessCollective(2);
        InvalidOperationException failure = Assert.Throws<InvalidOperationException>(() => group.Run(member =>
        {
            if (member.Rank == 0) Meet(member, "BatchNorm forward");
        }));
        Assert.StartsWith("BatchNorm forward: member ", failure.Message, StringComparison.Ordinal);
        Assert.EndsWith("all members must run the same layers.", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Members_that_do_different_things_are_named_with_what_they_do()
    {
        using var group = new InProcessCollective(2);
        InvalidOperationException other = Assert.Throws<InvalidOperationException>(
            () => group.Run(member => Meet(member, member.Rank == 0 ? "bn1" : "bn2")));
        Assert.Contains("bn1 with 1", other.Message, StringComparison.Ordinal);
        Assert.Contains("bn2 with 1", other.Message, StringComparison.Ordinal);
        InvalidOperationException longer = Assert.Throws<InvalidOperationException>(() => group.Run(member =>
            member.AllGather("bn", new double[1 + member.Rank], new double[2 * (1 + member.Rank)])));
        Assert.Contains("in the same order", longer.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(
            () => group.Run(member => member.AllGather("bn", new double[1], new double[1])));
    }

    [Fact]
    public void Sizes_out_of_range_and_disposed_groups_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new InProcessCollective(0));
        var group = new InProcessCollective(2);
        Assert.Throws<ArgumentOutOfRangeException>(() => group.Run(static _ => { }, members: 3));
        group.Dispose();
        Assert.Throws<ObjectDisposedException>(() => group.Run(static _ => { }));
    }

    [Fact]
    public void Members_compute_alone_and_the_caller_does_not_afterwards()
    {
        using var group = new InProcessCollective(2);
        using IDisposable scope = Compute.UseThreads(3);
        int alone = 0;
        group.Run(_ => Interlocked.Add(ref alone, Compute.Threads == 1 ? 1 : 0));
        Assert.Equal(2, alone);
        Assert.Equal(3, Compute.Threads);
    }

    [Fact]
    public async Task A_run_in_the_middle_of_a_run_is_refused_instead_of_waiting_for_itself()
    {
        using var group = new InProcessCollective(2);
        using var other = new InProcessCollective(2);
        for (int rank = 0; rank < 2; rank++)
        {
            await InTime(() => Assert.Contains(
                "in the middle of a run",
                Assert.Throws<InvalidOperationException>(() => group.Run(member =>
                {
                    if (member.Rank == rank) group.Run(static _ => { });
                    Meet(member, "after");
                })).Message,
                StringComparison.Ordinal));
        }

        // A group of its own is fine, and the outer one goes on.
        int inner = 0;
        await InTime(() => group.Run(member =>
        {
            if (member.Rank == 0) other.Run(_ => Interlocked.Increment(ref inner));
            Meet(member, "after");
        }));
        Assert.Equal(2, inner);
    }

    [Fact]
    public async Task A_group_that_is_disposed_of_in_the_middle_of_a_run_finishes_it()
    {
        for (int attempt = 0; attempt < 50; attempt++)
        {
            var group = new InProcessCollective(3);
            int done = 0;
            await InTime(() => group.Run(member =>
            {
                // The other threads may not even have begun.
                if (member.Rank == 0) group.Dispose();
                Meet(member, "after");
                Interlocked.Increment(ref done);
            }));
            Assert.Equal(3, done);
            await InTime(() => Assert.Throws<ObjectDisposedException>(() => group.Run(static _ => { })));
        }
    }

    [Fact]
    public async Task Whoever_runs_while_another_thread_disposes_either_runs_or_is_told_so()
    {
        for (int attempt = 0; attempt < 50; attempt++)
        {
            var group = new InProcessCollective(2);
            int done = 0, refused = 0;
            Task[] runs = [.. Enumerable.Range(0, 3).Select(_ => Task.Run(() =>
            {
                try
                {
                    group.Run(member =>
                    {
                        Meet(member, "first");
                        Interlocked.Increment(ref done);
                    });
                }
                catch (ObjectDisposedException)
                {
                    Interlocked.Increment(ref refused);
                }
            }))];
            group.Dispose();
            await InTime(() => Task.WaitAll(runs));
            Assert.Equal(3, refused + (done / 2));
        }
    }

    [Fact]
    public async Task Every_caller_gets_the_failure_of_its_own_run()
    {
        using var group = new InProcessCollective(2);
        int wrong = 0;
        await InTime(() => Parallel.For(0, 4, caller =>
        {
            for (int attempt = 0; attempt < 50; attempt++)
            {
                Exception? failure = null;
                try
                {
                    group.Run(member =>
                    {
                        if (caller % 2 == 0 && member.Rank == 1) throw new FormatException($"{caller}");
                    });
                }
                catch (FormatException caught)
                {
                    failure = caught;
                }

                if (failure?.Message != (caller % 2 == 0 ? $"{caller}" : null)) Interlocked.Increment(ref wrong);
            }
        }));
        Assert.Equal(0, wrong);
    }

    [Fact]
    public async Task Outside_a_run_a_member_is_told_that_nobody_would_come()
    {
        using var group = new InProcessCollective(2);
        for (int runs = 0; runs < 2; runs++)
        {
            await InTime(() => Assert.StartsWith(
                "BatchNorm counts: no run is under way",
                Assert.ThrowsAny<InvalidOperationException>(() => Meet(group.Members[0], "BatchNorm counts")).Message,
                StringComparison.Ordinal));
            group.Run(member => Meet(member, "inside"));
        }
    }

    /// <summary>What hangs is to fail.</summary>
    private static Task InTime(Action action) => Task.Run(action, TestContext.Current.CancellationToken)
        .WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);

    private static void Meet(ICollective member, string operation) =>
        member.AllGather(operation, [member.Rank], new double[member.Size]);
}
