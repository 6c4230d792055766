"""k-NN, linear classifiers and average precision by scikit-learn, in float64."""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, log_loss, top_k_accuracy_score
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler, normalize
from sklearn.svm import LinearSVC

from fill import fill
from fixture import Fixture

SCRIPT = "evaluation.py"
CLASSES, DIM = 8, 32
TRAIN, TEST = 600, 400
TEMPERATURE = 0.07
DECAYS = {"strong": 0.01, "weak": 0.0001}
COSTS = [0.01, 0.1, 1.0, 10.0]


def overlapping(name: str, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Features `[n, DIM]` of classes that overlap, and the classes: `row % CLASSES`."""
    points = fill("evaluation/points", (CLASSES, DIM), -1.0, 1.0)
    noise = fill(f"evaluation/{name}/noise", (n, DIM), -2.0, 2.0)
    labels = np.arange(n) % CLASSES
    scale = np.arange(1, DIM + 1, dtype=np.float32)
    return (points[labels] + noise) * scale + np.float32(3.0), labels


def several(name: str, n: int) -> np.ndarray:
    """Labels `[n, 4]` of a set where an image may show several classes: 1, -1, 0 ignored.

    Class c is shown by images of classes c and c + 1, but for those of a few that noise flips.
    """
    own = np.arange(n) % CLASSES
    noise = fill(f"evaluation/{name}/labels", (n, 4), 0.0, 1.0)
    labels = np.where([(own == c) | (own == c + 1) for c in range(4)], 1, -1).T
    labels = np.where(noise < 0.1, -labels, labels)
    return np.where(noise > 0.95, 0, labels)


def knn() -> Fixture:
    train, labels = overlapping("train", TRAIN)
    test, truth = overlapping("test", TEST)
    # Rows of length 1: half the squared distance is 1 - cosine.
    train, test = (normalize(x.astype(np.float64)) for x in (train, test))
    arrays = {}
    for k in (1, 5, 20, 200):
        model = KNeighborsClassifier(
            k, algorithm="brute", metric="cosine", weights=lambda d: np.exp((1 - d) / TEMPERATURE)
        ).fit(train, labels)
        arrays[f"predictions_{k}"] = model.predict(test).astype(np.float64)
        arrays[f"accuracy_{k}"] = np.array([model.score(test, truth)])
    return Fixture("evaluation/knn.safetensors", SCRIPT, {"temperature": TEMPERATURE}, None, arrays)


def linear() -> Fixture:
    train, labels = overlapping("train", TRAIN)
    test, truth = overlapping("test", TEST)
    scaler = StandardScaler().fit(train.astype(np.float64))
    train, test = scaler.transform(train.astype(np.float64)), scaler.transform(test.astype(np.float64))
    arrays = {}
    for name, decay in DECAYS.items():
        model = LogisticRegression(C=1 / (TRAIN * decay), tol=1e-10, max_iter=100_000)
        model.fit(train, labels)
        loss = log_loss(labels, model.predict_proba(train))
        arrays[f"{name}/loss"] = np.array([loss + decay / 2 * (model.coef_**2).sum()])
        arrays[f"{name}/weights"] = model.coef_ / scaler.scale_
        scores = model.decision_function(test)
        for k in (1, 5):
            arrays[f"{name}/top_{k}"] = np.array([top_k_accuracy_score(truth, scores, k=k)])
    parameters = {f"decay_{name}": decay for name, decay in DECAYS.items()}
    # With little decay the minimum is flat: weights are known less well than the loss.
    tolerance = {
        "default": {"atol": 1e-4, "rtol": 1e-3},
        "weak/weights": {"atol": 5e-4, "rtol": 1e-2},
    }
    return Fixture("evaluation/linear.safetensors", SCRIPT, parameters, tolerance, arrays)


def precision() -> Fixture:
    """Average precision of scores of which many are equal."""
    arrays = {}
    for levels in (3, 10, 1_000_000):
        scores = np.floor(fill("evaluation/scores", (300,), 0.0, 1.0) * np.float32(levels))
        relevant = fill("evaluation/relevant", (300,), 0.0, 1.0) < 0.2
        arrays[f"levels_{levels}"] = np.array([average_precision_score(relevant, scores)])
    return Fixture("evaluation/precision.safetensors", SCRIPT, {}, None, arrays)


def svm() -> Fixture:
    """One SVM a class on rows of length 1, its cost chosen by three unshuffled stratified folds."""
    train, test = overlapping("train", TRAIN)[0], overlapping("test", TEST)[0]
    train, test = (normalize(x.astype(np.float64)) for x in (train, test))
    labels, truth = several("train", TRAIN), several("test", TEST)
    arrays = {"costs": np.array(COSTS)}
    for c in range(4):
        used, judged = labels[:, c] != 0, truth[:, c] != 0
        x, y = train[used], labels[used, c]

        def model(cost: float) -> LinearSVC:
            return LinearSVC(C=cost, class_weight={1: 2, -1: 1}, dual=True, tol=1e-8,
                             max_iter=100_000, random_state=0)

        folds = [
            [average_precision_score(y[out] == 1, model(cost).fit(x[kept], y[kept])
                                     .decision_function(x[out]))
             for kept, out in StratifiedKFold(3).split(x, y)]
            for cost in COSTS
        ]
        means = np.mean(folds, axis=1)
        arrays[f"{c}/folds"] = means
        best = model(COSTS[int(np.argmax(means))]).fit(x, y)
        arrays[f"{c}/weights"] = np.append(best.coef_[0], best.intercept_)
        scores = best.decision_function(test[judged])
        arrays[f"{c}/precision"] = np.array([average_precision_score(truth[judged, c] == 1, scores)])
    arrays["mean"] = np.array([np.mean([arrays[f"{c}/precision"][0] for c in range(4)])])
    return Fixture("evaluation/svm.safetensors", SCRIPT, {}, {
        "default": {"atol": 1e-3, "rtol": 1e-3}}, arrays)


def fixtures() -> list[Fixture]:
    """All cases."""
    return [knn(), linear(), precision(), svm()]
