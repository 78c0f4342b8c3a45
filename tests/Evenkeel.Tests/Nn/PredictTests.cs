using Evenkeel.Nn;
using Evenkeel.Random;
using Xunit;

namespace Evenkeel.Tests.Nn;

public sealed class PredictTests
{
    /// <summary>
    /// Some ten small objects of 100 bytes: handles of the activations, and the answer with its alignment.
    /// </summary>
    private const long SmallCall = 2048;

    [Fact]
    public void A_call_allocates_what_its_answer_needs()
    {
        Sequential model = Mlp(13, 32, 3);
        Tensor row = Tensor.RandomNormal([1, 13], new Philox(2));
        model.Predict(row);
        Assert.InRange(Allocations.Of(() => model.Predict(row)), 0, SmallCall);
        // The first call of a model too: its tape begins small.
        Assert.InRange(Allocations.Of(() => Mlp(13, 32, 3).Predict(row)), 0, 64 << 10);
    }

    [Fact]
    public void A_call_can_be_cancelled_between_two_chunks()
    {
        using var cancel = new CancellationTokenSource();
        int chunks = 0;
        var model = new Sequential(new Linear(4, 2), new Lambda(v =>
        {
            if (++chunks == 2) cancel.Cancel();
            return v;
        }));
        Tensor x = Tensor.Ones([10, 4]);
        Assert.Throws<OperationCanceledException>(() => model.Predict(x, chunk: 1, cancel.Token));
        Assert.Equal(2, chunks);
        Assert.Equal(new Shape([10, 2]), model.Predict(x).Shape);
    }

    [Fact]
    public void Many_threads_on_one_model_get_the_bits_of_one()
    {
        Sequential model = Mlp(20, 40, 5);
        Tensor[] inputs = [.. Enumerable.Range(0, 8)
            .Select(i => Tensor.RandomNormal([1 + (i * 37), 20], new Philox((ulong)i)))];
        float[][] expected = [.. inputs.Select(x => model.Predict(x, chunk: 64).ToArray<float>())];
        var wrong = new System.Collections.Concurrent.ConcurrentBag<int>();
        var threads = new Thread[8];
        for (int t = 0; t < threads.Length; t++)
        {
            int first = t;
            threads[t] = new Thread(() =>
            {
                for (int call = 0; call < 200; call++)
                {
                    int i = (first + call) % inputs.Length;
                    if (!model.Predict(inputs[i], chunk: 64).AsSpan<float>().SequenceEqual(expected[i])) wrong.Add(i);
                }
            });
            threads[t].Start();
        }

        foreach (Thread thread in threads) thread.Join();
        Assert.Empty(wrong);
    }

    [Fact]
    public void A_layer_may_predict_within_a_prediction_with_the_same_model_even()
    {
        Sequential inner = Mlp(4, 8, 4);
        Tensor x = Tensor.RandomNormal([3, 4], new Philox(3)), fixedInput = Tensor.RandomNormal([2, 4], new Philox(4));
        float[] innerAnswer = inner.Predict(fixedInput).ToArray<float>(), plain = inner.Predict(x).ToArray<float>();
        var outer = new Sequential(inner, new Lambda(v =>
        {
            Assert.Equal(innerAnswer, inner.Predict(fixedInput).ToArray<float>());
            return v * 1;
        }));
        for (int call = 0; call < 3; call++) Assert.Equal(plain, outer.Predict(x).ToArray<float>());
    }

    [Fact]
    public void After_an_exception_in_the_middle_the_next_call_is_right()
    {
        bool fails = false;
        var model = new Sequential(
            Mlp(4, 8, 4), new Lambda(v => fails ? throw new InvalidOperationException("half way") : v + 1));
        Tensor x = Tensor.RandomNormal([5, 4], new Philox(5));
        float[] expected = model.Predict(x, chunk: 2).ToArray<float>();
        for (int call = 0; call < 3; call++)
        {
            fails = true;
            Assert.Equal(
                "half way", Assert.Throws<InvalidOperationException>(() => model.Predict(x, chunk: 2)).Message);
            fails = false;
            Assert.Equal(expected, model.Predict(x, chunk: 2).ToArray<float>());
        }
    }

    [Fact]
    public void Small_tapes_stay()
    {
        var tapes = new PredictTapes();
        Tape small = tapes.Rent();
        Assert.NotSame(small, tapes.Rent());
        small.Input(Tensor.Zeros([100]));
        tapes.Return(small);
        Assert.Same(small, tapes.Rent());
        for (int i = 0; i < Environment.ProcessorCount + 5; i++) tapes.Return(Tape.Small(Mode.Eval));
        Assert.Equal(Environment.ProcessorCount,
            Enumerable.Range(0, Environment.ProcessorCount + 5).Count(_ => tapes.Rent().Step > 0));
    }

    [Fact]
    public void A_large_tape_serves_the_next_call_and_goes_with_the_next_full_collection()
    {
        var tapes = new PredictTapes();
        WeakReference gone = Used();
        for (int attempt = 0; attempt < 10 && gone.IsAlive; attempt++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        Assert.False(gone.IsAlive);
        Assert.True(tapes.Rent().CapacityInBytes <= PredictTapes.KeptBytes);

        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
        WeakReference Used()
        {
            Tape large = tapes.Rent();
            large.Input(Tensor.Zeros([1 + (int)(PredictTapes.KeptBytes / sizeof(float))]));
            tapes.Return(large);
            Assert.Same(large, tapes.Rent());
            tapes.Return(large);
            return new WeakReference(large);
        }
    }

    [Fact]
    public void A_kept_tape_holds_no_model()
    {
        Tensor x = Tensor.RandomNormal([1, 13], new Philox(2));
        WeakReference gone = Used();
        for (int attempt = 0; attempt < 10 && gone.IsAlive; attempt++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        Assert.False(gone.IsAlive);

        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
        WeakReference Used()
        {
            Sequential model = Mlp(13, 8, 2);
            model.Predict(x);
            return new WeakReference(model);
        }
    }

    [Fact]
    public void What_a_hook_sees_stays_and_what_a_layer_keeps_is_over()
    {
        Tensor? kept = null;
        var layer = new Lambda(v => kept = v * 2);
        Tensor x = Tensor.From(new float[,] { { 1 }, { 2 } });
        layer.Predict(x);
        Assert.Contains("Clone() it within its step",
            Assert.Throws<InvalidOperationException>(() => kept!.ToArray<float>()).Message, StringComparison.Ordinal);
        Tensor? seen = null;
        using IDisposable hook = layer.AddForwardHook((_, _, y) => seen = y);
        layer.Predict(x);
        layer.Predict(Tensor.From(new float[,] { { 5 }, { 6 } }));
        Assert.Equal([10f, 12], seen!.ToArray<float>());
    }

    public static TheoryData<string> Dependent =>
    [
        "batch norm by hand", "softmax over the batch", "rank in the batch", "one value of the batch",
        "the next sample",
    ];

    [Theory]
    [MemberData(nameof(Dependent))]
    public void A_layer_whose_answer_depends_on_the_batch_is_noticed(string kind)
    {
        Module layer = new Lambda(kind switch
        {
            "batch norm by hand" => static v => (v - v.Mean([0], keepDims: true))
                / ((v - v.Mean([0], keepDims: true)).Square().Mean([0], keepDims: true) + 1e-5).Sqrt(),
            "softmax over the batch" => static v => v.Softmax(0),
            "rank in the batch" => static v => v - v.Max(0, keepDims: true),
            "one value of the batch" => static v => v * v.Sum(),
            _ => static v => v + v.Slice(0, v.Shape[0] - 1, 1),
        });
        var model = new Sequential(
            new Linear(6, 4, random: new Philox(1)), layer, new Linear(4, 3, random: new Philox(2)));
        foreach (DType dtype in new[] { DType.Float32, DType.Float64 })
        {
            model.To(dtype);
            Tensor x = Tensor.RandomNormal([7, 6], new Philox(3), dtype);
            string message = Assert.Throws<InvalidOperationException>(() => model.Predict(x)).Message;
            Assert.StartsWith(
                "Sequential.Predict: expected layers that treat each sample by itself in Eval, "
                + "got an answer to the first sample that changes by ",
                message, StringComparison.Ordinal);
            Assert.Contains(
                "The layers that are not the library's own are 1 (Lambda).", message, StringComparison.Ordinal);
            // Refused again: a call that failed has proved nothing.
            Assert.Throws<InvalidOperationException>(() => model.Predict(x, chunk: 2));
        }
    }

    [Fact]
    public void A_layer_that_comes_later_is_noticed_too()
    {
        var model = new Sequential(new Lambda(static v => v * 2));
        Tensor x = Tensor.RandomNormal([4, 3], new Philox(3));
        model.Predict(x);
        model.Add(new Lambda(static v => v - v.Mean([0], keepDims: true)));
        Assert.Throws<InvalidOperationException>(() => model.Predict(x));
    }

    [Fact]
    public void Independent_layers_are_tried_once_and_raise_no_alarm()
    {
        int calls = 0;
        var model = new Sequential(new Linear(50, 40, random: new Philox(1)), new Lambda(v =>
        {
            calls++;
            return v;
        }), new Linear(40, 30, random: new Philox(2)), new Tanh(), new Linear(30, 3, random: new Philox(4)));
        for (int samples = 1; samples < 70; samples++)
        {
            Tensor x = Tensor.RandomNormal([samples, 50], new Philox(3)) * 1e3;
            model.Predict(x, chunk: 17);
        }

        // One call a chunk, and one for the trial.
        Assert.Equal(Enumerable.Range(1, 69).Sum(static samples => (samples + 16) / 17) + 1, calls);
        // The same answers to all samples prove nothing, and a layer that rounds with the whole batch's
        // largest value is no alarm.
        var stable = new Lambda(static v =>
        {
            Tensor e = (v - v.Max()).Exp();
            return e / e.Sum([1], keepDims: true);
        });
        stable.Predict(Tensor.Ones([5, 3]));
        stable.Predict(Tensor.RandomNormal([40, 9], new Philox(8)) * 3);
        // Random in Eval: nothing can be said.
        var noise = new Philox(9);
        var random = new Lambda(v => v + Tensor.RandomNormal(v.Shape, noise));
        random.Predict(Tensor.RandomNormal([4, 3], new Philox(3)));
        // A NaN is not a change.
        new Lambda(static v => v.Log()).Predict(Tensor.From(new float[,] { { -1 }, { 2 } }));
    }

    private static Sequential Mlp(int inputs, int width, int outputs) => new(
        new Linear(inputs, width, random: new Philox(1)), new BatchNorm1d(width), new ReLU(),
        new Linear(width, outputs, random: new Philox(2)));
}
