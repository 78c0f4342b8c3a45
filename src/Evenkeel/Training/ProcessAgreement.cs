using System.Security.Cryptography;
using System.Text;
using Evenkeel.Data;
using Evenkeel.Optim;

namespace Evenkeel.Training;

/// <summary>
/// What the processes of a training tell each other beside gradients and statistics: that they do the same, and when
/// they end.
/// </summary>
internal sealed class ProcessAgreement(IProcessGroup group, int compareWeightsEvery)
{
    private const int HashBytes = SHA256.HashSizeInBytes, Samples = 16;
    private const byte Cancel = 1, StopFlag = 2, SaveFlag = 4;

    private readonly byte[] _own = new byte[1];
    private readonly byte[] _all = new byte[group.Size];

    /// <summary>Refuses to begin if the processes are not alike. All of them throw the same.</summary>
    /// <exception cref="InvalidOperationException">
    /// One process has another version, data, settings or weights.
    /// </exception>
    public void CheckAlike(Trainer trainer, DataLoader training, DataLoader? validation)
    {
        Guid build = typeof(Trainer).Assembly.ManifestModule.ModuleVersionId;
        Compare("version of the library", $"{typeof(Trainer).Assembly.GetName().Version} {build}");
        Compare("data set", HashOf(training));
        Compare("validation set", validation is null ? "none" : HashOf(validation));
        foreach ((string name, string value) in trainer.SettingsOfAll()) Compare($"setting \"{name}\"", value);
        Compare("weights", WeightsHash.Of(trainer.Model));
        // A state that is shared, or will be, is not made whole for this.
        bool isShared = trainer.Optimizer.IsShared;
        using var optimizer = new WeightsHash();
        foreach ((string key, Tensor value) in trainer.Options.ShardsOptimizerState
            ? trainer.Optimizer.StateSoFar() : trainer.Optimizer.StateDict())
        {
            if (!isShared || Optimizer.IsScalarKey(key)) optimizer.Add(key, value);
        }

        Compare("state of the optimizer", optimizer.Finish());
    }

    /// <summary>Compares the weights if it is time.</summary>
    /// <exception cref="InvalidOperationException">They differ. All processes throw.</exception>
    public void AfterStep(Trainer trainer)
    {
        if (compareWeightsEvery > 0 && trainer.Iteration % compareWeightsEvery == 0)
            Compare("weights", WeightsHash.Of(trainer.Model));
    }

    /// <summary>Asks all processes whether the training is cancelled or stopped.</summary>
    /// <param name="isCancelled">Whether it is cancelled here.</param>
    /// <param name="isStopped">Whether it is stopped here.</param>
    /// <param name="isSaved">Whether this process is about to write a checkpoint.</param>
    /// <returns>
    /// Whether some process cancels; the first process that stops, -1 if none does; and whether one writes.
    /// </returns>
    public (bool IsCancelled, int StoppedBy, bool IsSaved) Ask(bool isCancelled, bool isStopped, bool isSaved)
    {
        _own[0] = (byte)((isCancelled ? Cancel : 0) | (isStopped ? StopFlag : 0) | (isSaved ? SaveFlag : 0));
        group.AllGather("end of step", _own, _all);
        bool cancels = Array.Exists(_all, static flags => (flags & Cancel) != 0),
            saves = Array.Exists(_all, static flags => (flags & SaveFlag) != 0);
        return (cancels, Array.FindIndex(_all, static flags => (flags & StopFlag) != 0), saves);
    }

    /// <summary>Whether some process says yes.</summary>
    /// <param name="question">What is asked, for messages.</param>
    /// <param name="here">Whether this process says so.</param>
    public bool AskAny(string question, bool here)
    {
        _own[0] = here ? (byte)1 : (byte)0;
        group.AllGather(question, _own, _all);
        return _all.AsSpan().Contains((byte)1);
    }

    /// <summary>
    /// Which layer was the first that is not finite: the finding of the first process that has one in its own samples.
    /// </summary>
    public static (string Layer, string Detail) FirstFinding(IProcessGroup group, string layer, string detail)
    {
        string[] all = group.GatherTexts("search for the layer that diverged", $"{layer}\n{detail}");
        string first =
            Array.Find(all, static text => !text.StartsWith("the loss\n", StringComparison.Ordinal)) ?? all[0];
        int end = first.IndexOf('\n', StringComparison.Ordinal);
        return end < 0 ? (first, "") : (first[..end], first[(end + 1)..]);
    }

    private void Compare(string what, string value)
    {
        byte[] own = SHA256.HashData(Encoding.UTF8.GetBytes(value)), all = new byte[HashBytes * group.Size];
        group.AllGather($"comparison of the {what}", own, all);
        for (int rank = 1; rank < group.Size; rank++)
        {
            if (all.AsSpan(rank * HashBytes, HashBytes).SequenceEqual(all.AsSpan(0, HashBytes))) continue;
            throw new InvalidOperationException(
                $"Trainer: expected the same {what} on all processes, got another one on {group.NameOf(rank)} than on "
                + $"{group.NameOf(0)} (step {group.Step}). All processes need the same program, files and settings.");
        }
    }

    /// <summary>A hash of the size of the set and of some samples that are spread over it.</summary>
    private static string HashOf(DataLoader loader)
    {
        IDataset data = loader.Dataset;
        int count = Math.Min(Samples, data.Count);
        int[] indices = [.. Enumerable.Range(0, count).Select(i => (int)((long)i * data.Count / count))];
        Tensor inputs = Tensor.Zeros(data.BatchShape(count), loader.DType);
        Tensor targets = Tensor.Zeros(data.TargetBatchShape(count), data.TargetTypeFor(loader.DType));
        data.CopyTo(indices, inputs);
        data.CopyTargetsTo(indices, targets);
        using var hash = new WeightsHash();
        hash.Add($"{data.Count} samples", inputs);
        hash.Add("targets", targets);
        return hash.Finish();
    }
}
