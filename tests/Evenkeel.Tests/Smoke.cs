namespace Evenkeel.Tests;
public sealed class Smoke { [Xunit.Fact] public void Runs() => Xunit.Assert.True(Evenkeel.Kernels.Workers.Threads > 0); }
