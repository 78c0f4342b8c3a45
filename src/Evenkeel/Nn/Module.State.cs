using System.Text;

namespace Evenkeel.Nn;

public abstract partial class Module
{
    /// <summary>
    /// Converts all parameters and all floating-point buffers to another element type, in place: parameters and buffers
    /// keep their identity, integer buffers stay.
    /// </summary>
    /// <exception cref="ArgumentException"><paramref name="dtype"/> is not a floating-point type.</exception>
    public void To(DType dtype)
    {
        if (!dtype.IsFloatingPoint())
        {
            throw new ArgumentException(
                $"{TypeName}.To: expected a floating-point type, got {dtype}. Networks compute in Float32 or Float64.",
                nameof(dtype));
        }

        foreach ((_, Parameter parameter) in NamedParameters()) parameter.To(dtype);
        foreach ((_, StateBuffer buffer) in NamedBuffers()) buffer.To(dtype);
    }

    /// <summary>
    /// A snapshot of all parameters and buffers under PyTorch's keys and in its order: own parameters, own buffers,
    /// then the children's. The tensors are copies: training on does not change them. Tied weights appear under each of
    /// their keys.
    /// </summary>
    public StateDict StateDict()
    {
        var snapshot = new StateDict();
        foreach (StateEntry entry in StateEntries()) snapshot.Add(entry.Key, entry.Live.Clone());
        foreach ((string name, RunningStatistics running) in Statistics())
            snapshot.StartValuesLeft[name] = running.StartValuesLeft;
        return snapshot;
    }

    /// <summary>
    /// Copies values into parameters and buffers by key, converting between Float32 and Float64 as needed. Everything
    /// is checked before the first write. For a tensor with several keys (tied weights) one key is enough. Different
    /// values under its keys do not fit.
    /// </summary>
    /// <param name="state">Values by key, as <see cref="StateDict()"/> or a file gives them.</param>
    /// <param name="strict">
    /// True: any missing or unexpected key and any wrong shape or type throws, and nothing is changed. False: what fits
    /// is loaded, and the report says what did not.
    /// </param>
    /// <param name="checkValues">
    /// Whether numbers that no training can produce are refused, strict or not: a running variance that is negative or
    /// not finite, a running mean that is not finite, a negative count (<see cref="StateBuffer.Range"/>). False takes
    /// them as they are.
    /// </param>
    /// <param name="prefix">
    /// What the state dict has before the model's keys, for example <c>module.</c> of PyTorch's <c>DataParallel</c>. It
    /// is removed; keys without it are ignored.
    /// </param>
    /// <param name="rename">
    /// Parts of keys that have another name in the model, from the state dict's name to the model's:
    /// <c>["fc"] = "head"</c> loads <c>fc.weight</c> into <c>head.weight</c>. A name stands for a whole key or for its
    /// first parts, after the prefix was removed; the longest one counts. An empty name stands for nothing:
    /// <c>["backbone"] = ""</c> removes <c>backbone.</c>. Default: none.
    /// </param>
    /// <param name="keep">
    /// Parts of the model that keep their values, whatever the state dict has under these names: <c>["head"]</c> for a
    /// new head in fine-tuning. A head with another name in the state dict is renamed to it. Everything else is loaded
    /// as <paramref name="strict"/> says. A tensor with several keys is kept if one of them is. Default: none.
    /// </param>
    /// <returns>What happened to each key.</returns>
    /// <exception cref="ArgumentException">
    /// <paramref name="strict"/> is set and something does not fit, <paramref name="checkValues"/> is set and a number
    /// is impossible, <paramref name="rename"/> makes one key of two, or <paramref name="keep"/> names no part of the
    /// model. The message lists everything that is wrong, and nothing was changed.
    /// </exception>
    public LoadReport LoadStateDict(StateDict state, bool strict = true, bool checkValues = true, string prefix = "",
        IReadOnlyDictionary<string, string>? rename = null, IReadOnlyList<string>? keep = null)
    {
        ArgumentNullException.ThrowIfNull(state);
        ArgumentNullException.ThrowIfNull(prefix);
        var map = new KeyMap(prefix, rename);
        if (!map.IsEmpty) state = state.Mapped(map);
        state = WithNewKeys(state);
        List<StateEntry> own = StateEntries();
        string[] kept = [.. (keep ?? []).Select(static part => part.TrimEnd('.'))];
        bool IsKept(string key) => Array.Exists(kept, part => IsUnder(part, key));
        if (Array.Find(kept, part => !own.Any(entry => IsUnder(part, entry.Key))) is { } strange)
        {
            throw new ArgumentException(
                $"{TypeName}.LoadStateDict: expected keep to name parts of the model, got \"{strange}\"."
                + NearestName.Hint(strange, NamedModules().Select(static module => module.Name)), nameof(keep));
        }

        var entries = new List<LoadEntry>(own.Count);
        var writes = new List<(Tensor From, Tensor To)>(own.Count);
        var known = new HashSet<string>(StringComparer.Ordinal);
        var impossible = new StringBuilder();
        foreach (StateEntry entry in own)
        {
            known.Add(entry.Key);
            Tensor live = entry.Live;
            if (IsKept(entry.Key))
            {
                entries.Add(new LoadEntry(entry.Key, LoadStatus.Kept, live.Shape, null));
            }
            else if (state.RawOf(entry.Key) is { } raw)
            {
                entries.Add(
                    new LoadEntry(entry.Key, LoadStatus.TypeMismatch, live.Shape, null) { GotType = raw.ToString() });
            }
            else if (!state.TryGetValue(entry.Key, out Tensor? value))
            {
                entries.Add(new LoadEntry(
                    entry.Key, entry.Optional ? LoadStatus.KeptDefault : LoadStatus.Missing, live.Shape, null));
            }
            else if (value.Shape != live.Shape)
            {
                entries.Add(new LoadEntry(entry.Key, LoadStatus.ShapeMismatch, live.Shape, value.Shape));
            }
            else if (value.DType.IsFloatingPoint() != live.DType.IsFloatingPoint())
            {
                entries.Add(new LoadEntry(entry.Key, LoadStatus.TypeMismatch, live.Shape, value.Shape));
            }
            else
            {
                entries.Add(new LoadEntry(entry.Key, LoadStatus.Loaded, live.Shape, value.Shape));
                // The conversion comes before the first write: it is the last thing that could fail.
                Tensor converted = value.DType == live.DType ? value : value.To(live.DType);
                writes.Add((converted, live));
                if (checkValues && StateRanges.Problem(entry.Range, value, converted, entry.Place) is { } problem)
                    impossible.Append("  ").Append(entry.Key).Append(problem).Append('\n');
            }
        }

        foreach ((string key, Tensor value) in state)
        {
            value.ThrowIfStale();
            if (!known.Contains(key) && !IsKept(key))
                entries.Add(new LoadEntry(key, LoadStatus.Unexpected, null, value.Shape));
        }

        foreach ((string key, RawKind kind) in state.Raw)
        {
            if (!known.Contains(key) && !IsKept(key))
                entries.Add(new LoadEntry(key, LoadStatus.Unexpected, null, null) { GotType = kind.ToString() });
        }

        SettleTies(own, entries, writes);
        var report = new LoadReport(entries, KeyMap.Whole(prefix));
        if (strict && !report.IsComplete)
            throw new ArgumentException($"{TypeName}.LoadStateDict: the state dict does not fit the model; nothing " +
                $"was changed.\n{report.Problems()}{report.Advice}", nameof(state));
        if (impossible.Length > 0)
        {
            throw new ArgumentException(
                $"{TypeName}.LoadStateDict: the state dict has numbers that no training leaves behind; "
                + $"nothing was changed.\n{impossible}"
                + "Load another one, or pass checkValues: false to take them as they are.", nameof(state));
        }

        foreach ((Tensor from, Tensor to) in writes) to.CopyFrom(from);
        HashSet<string> loaded = [.. report.KeysWith(LoadStatus.Loaded), .. report.KeysWith(LoadStatus.Tied)];
        foreach ((string name, RunningStatistics running) in Statistics())
        {
            if (loaded.Contains(Join(name, running.Mean.Name)))
                running.BeginWith(state.StartValuesLeft.GetValueOrDefault(name, double.NaN));
        }

        return report;
    }

    /// <summary>Whether a key is that of a part of the model or stands below it.</summary>
    internal static bool IsUnder(string part, string key) =>
        key.StartsWith(part, StringComparison.Ordinal) && (key.Length == part.Length || key[part.Length] == '.');

    /// <summary>
    /// One tensor under several keys: one value is enough, and all that are there have to be the same.
    /// </summary>
    private static void SettleTies(List<StateEntry> own, List<LoadEntry> entries, List<(Tensor From, Tensor To)> writes)
    {
        foreach (IGrouping<Tensor, int> keys in Enumerable.Range(0, own.Count)
            .GroupBy(i => own[i].Live, ReferenceEqualityComparer.Instance as IEqualityComparer<Tensor>))
        {
            Tensor[] values = [.. from write in writes where ReferenceEquals(write.To, keys.Key) select write.From];
            if (keys.Count() > 1 && keys.Any(i => entries[i].Status == LoadStatus.Kept))
            {
                writes.RemoveAll(write => ReferenceEquals(write.To, keys.Key));
                foreach (int i in keys) entries[i] = entries[i] with { Status = LoadStatus.Kept };
                continue;
            }

            if (values.Length == 0 || keys.Count() == 1) continue;
            bool agree = values.All(value => value.Bytes().SequenceEqual(values[0].Bytes()));
            if (!agree) writes.RemoveAll(write => ReferenceEquals(write.To, keys.Key));
            foreach (int i in keys)
            {
                if (entries[i].Status == LoadStatus.Loaded && !agree)
                    entries[i] = entries[i] with { Status = LoadStatus.TiedDifferently };
                if (entries[i].Status is LoadStatus.Missing or LoadStatus.KeptDefault && agree)
                    entries[i] = entries[i] with { Status = LoadStatus.Tied };
            }
        }
    }

    /// <summary>The running statistics of all norms that have some, by the name of the norm.</summary>
    internal IEnumerable<(string Name, RunningStatistics Running)> Statistics() =>
        from entry in NamedModules()
        where entry.Module is ITrackingNorm { Running: not null }
        select (entry.Name, ((ITrackingNorm)entry.Module).Running!);

    /// <summary>The keys with the live tensors behind them, in the order of the state dict.</summary>
    internal List<StateEntry> StateEntries()
    {
        var entries = new List<StateEntry>();
        Collect("", this, entries);
        return entries;

        // Not through NamedModules: a module registered twice has two sets of keys in a state dict, as in PyTorch.
        static void Collect(string path, Module module, List<StateEntry> entries)
        {
            foreach ((string name, Parameter parameter) in module._parameters)
                entries.Add(new StateEntry(Join(path, name), parameter.Value, Optional: false, StateRange.Any));
            foreach ((string name, StateBuffer buffer) in module._buffers)
            {
                bool isOptional = module._optionalBuffers?.Contains(name) ?? false;
                entries.Add(new StateEntry(Join(path, name), buffer.Value, isOptional, buffer.Range));
            }

            foreach ((string name, Module child) in module._children) Collect(Join(path, name), child, entries);
            if (module.Parametrization is { } form) Collect(Join(path, WeightParametrization.Place), form, entries);
        }
    }

    /// <summary>A key, the tensor behind it, whether files may lack it, and which numbers it can hold.</summary>
    internal readonly record struct StateEntry(string Key, Tensor Live, bool Optional, StateRange Range)
    {
        /// <summary>
        /// The name of one of its elements in errors: a vector of statistics has one channel per element.
        /// </summary>
        public string Place => Live.Shape.Rank == 1 ? "channel" : "element";
    }
}
