-- A store of version 1: runs of table6 (profile smoke, row none), written by gclbench 0.1.0 at dd7c243;
-- host names and long texts are shortened.
BEGIN TRANSACTION;
CREATE TABLE artifacts (
	run_id VARCHAR(64) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	PRIMARY KEY (run_id, name), 
	FOREIGN KEY(run_id) REFERENCES runs (id)
);
INSERT INTO "artifacts" VALUES('b10ae57c6db5-619e36835994','encoder.pt','820ffb6debe3b38dd639b72626f18a684e5bb5b83c14c528ebe739ed776dd0ea');
INSERT INTO "artifacts" VALUES('b10ae57c6db5-619e36835994','epochs.json','492a3d33134af1fd63129d32f8b8f14427933597d3d5792ef2c0d1239aa3827d');
INSERT INTO "artifacts" VALUES('280d727955a4-48f8d22a8077','encoder.pt','9610f8b94f1ee73be58a11691329804f19244656a28db64d94d819c1e92d7ce8');
INSERT INTO "artifacts" VALUES('280d727955a4-48f8d22a8077','epochs.json','e5faeb056ae44606ddf09bddc76c3b65f01f5ecebc78331772c0952dec3b5490');
INSERT INTO "artifacts" VALUES('6fd57277ddb0-c5a808217b39','encoder.pt','ed624b8291465e2a18ff40385a37fb92194fd0c8162b9e2d9827145ac64320d0');
INSERT INTO "artifacts" VALUES('6fd57277ddb0-c5a808217b39','epochs.json','9c8c38e920994560d3cd35aeb384ff08db514f81216512fb306bf5d9a516d6e0');
INSERT INTO "artifacts" VALUES('0e934c03b649-939363db6bdf','evaluation.json','08672f81313a2fa54199a0e0e1d3c99c7516c5726965bd54b67d4c8bce9e5f21');
INSERT INTO "artifacts" VALUES('0e934c03b649-939363db6bdf','invariance.npz','34e41160465a2747701dd321787f7888a3886881fae646754ff6c8ab89957d00');
INSERT INTO "artifacts" VALUES('0e934c03b649-939363db6bdf','per_query.npz','d75226f543e8b81352c8b90b91b44a1817c2b6c0efb91a066fb1812164d566b5');
CREATE TABLE metrics (
	id INTEGER NOT NULL, 
	run_id VARCHAR(64) NOT NULL, 
	name VARCHAR(128) NOT NULL, 
	step INTEGER NOT NULL, 
	value FLOAT, 
	time VARCHAR(32) NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(run_id) REFERENCES runs (id)
);
INSERT INTO "metrics" VALUES(1,'b10ae57c6db5-619e36835994','loss',1,3.18113597234090184073e+00,'2026-11-30T09:42:40.687454+00:00');
INSERT INTO "metrics" VALUES(2,'b10ae57c6db5-619e36835994','loss',2,3.16611162821451808113e+00,'2026-11-30T09:42:40.817735+00:00');
INSERT INTO "metrics" VALUES(3,'280d727955a4-48f8d22a8077','loss',1,5.84006210168202741228e-02,'2026-11-30T09:42:42.892715+00:00');
INSERT INTO "metrics" VALUES(5,'280d727955a4-48f8d22a8077','clusters',2,94.0,'2026-11-30T09:42:48.931854+00:00');
INSERT INTO "metrics" VALUES(6,'280d727955a4-48f8d22a8077','clusters',3,96.0,'2026-11-30T09:42:49.263779+00:00');
INSERT INTO "metrics" VALUES(9,'280d727955a4-48f8d22a8077','loss',2,1.82998222112655639648e+00,'2026-11-30T09:42:49.237254+00:00');
INSERT INTO "metrics" VALUES(10,'280d727955a4-48f8d22a8077','loss',3,1.9513582189877827222e+00,'2026-11-30T09:42:49.546458+00:00');
INSERT INTO "metrics" VALUES(15,'6fd57277ddb0-c5a808217b39','loss',1,2.25567450089888126289e+01,'2026-11-30T09:43:00.498628+00:00');
INSERT INTO "metrics" VALUES(16,'6fd57277ddb0-c5a808217b39','loss',2,1.59554738998413085941e+01,'2026-11-30T09:43:00.896682+00:00');
INSERT INTO "metrics" VALUES(17,'6fd57277ddb0-c5a808217b39','l_vi',1,1.12736187848177831232e+01,'2026-11-30T09:43:00.498690+00:00');
INSERT INTO "metrics" VALUES(18,'6fd57277ddb0-c5a808217b39','l_vi',2,7.97519046610051951518e+00,'2026-11-30T09:43:00.896735+00:00');
INSERT INTO "metrics" VALUES(29,'6fd57277ddb0-c5a808217b39','clusters',1,12.0,'2026-11-30T09:43:00.498716+00:00');
INSERT INTO "metrics" VALUES(30,'6fd57277ddb0-c5a808217b39','clusters',2,13.0,'2026-11-30T09:43:00.896769+00:00');
INSERT INTO "metrics" VALUES(35,'6fd57277ddb0-c5a808217b39','mAP',1,1.36386165450079559495e+01,'2026-11-30T09:43:00.498727+00:00');
INSERT INTO "metrics" VALUES(36,'6fd57277ddb0-c5a808217b39','mAP',2,15.0188597454161,'2026-11-30T09:43:00.896781+00:00');
CREATE TABLE requests (
	id INTEGER NOT NULL, 
	study VARCHAR(128) NOT NULL, 
	profile VARCHAR(128) NOT NULL, 
	overrides_json TEXT NOT NULL, 
	overrides_sha256 VARCHAR(64) NOT NULL, 
	seed BIGINT NOT NULL, 
	"row" VARCHAR(128) NOT NULL, 
	task VARCHAR(128) NOT NULL, 
	node_key VARCHAR(64) NOT NULL, 
	time VARCHAR(32) NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT one_request UNIQUE (study, profile, overrides_sha256, seed, "row", task)
);
INSERT INTO "requests" VALUES(1,'table6','smoke','{}','44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a',0,'none','market1501','0e934c03b6491c92f128ab5512a723f10105f27a8ff87f56f100ea9948d304b0','2026-11-30T09:42:35.344189+00:00');
INSERT INTO "requests" VALUES(2,'table6','smoke','{"joint.lr":1000000000000000019884624838656}','7960dba93041192a8e9502444bb0da13b0687d2f6a023d0f4beea41c34ec0827',0,'none','market1501','e5552f50f894906463ad27fdcb1e583d2c725302fc2a3f91059fc2a5a77053d0','2026-11-30T09:50:01.992184+00:00');
INSERT INTO "requests" VALUES(4,'table6','smoke','{"warmup.lr":1e-05}','eb892e8a2ee959471dae62d367a322cfb8f62df0227dd96f00fa631e97134231',0,'none','market1501','bd3909ed002311456c15b47f11aac91b10ed33a60258785678cfbfeffc913d05','2026-11-30T09:51:24.601916+00:00');
CREATE TABLE runs (
	id VARCHAR(64) NOT NULL, 
	node_key VARCHAR(64) NOT NULL, 
	stage VARCHAR(32) NOT NULL, 
	label TEXT NOT NULL, 
	seed BIGINT NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	started VARCHAR(32) NOT NULL, 
	heartbeat VARCHAR(32), 
	stopped VARCHAR(32), 
	config_json TEXT NOT NULL, 
	host_json TEXT NOT NULL, 
	versions_json TEXT NOT NULL, 
	git_json TEXT NOT NULL, 
	result_json TEXT, 
	error TEXT, 
	output TEXT, 
	PRIMARY KEY (id)
);
INSERT INTO "runs" VALUES('b10ae57c6db5-619e36835994','b10ae57c6db5456a872987b11c8fe01106f4f83c1589c984c84be146a987cffd','pretrain','pretrain rendered seed 0',0,'COMPLETED','2026-11-30T09:42:36.142574+00:00','2026-11-30T09:42:40.882402+00:00','2026-11-30T09:42:40.882239+00:00','{"components": {"augmentations/multi": 1, "networks/id_encoder": 1, "stages/pretrain": 1}, "key": "b10ae57c6db5456a872987b11c8fe01106f4f83c1589c984c84be146a987cffd", "label": "pretrain rendered seed 0", "parents": {}, "seed": 0, "settings": {"data": {"height_px": 64, "width_px": 32}}, "stage": "pretrain"}','{"cores": "2", "hostname": "bench", "processor": "x86_64", "system": "Linux-6.1-x86_64-with-glibc2.36"}','{"gclbench": "0.1.0", "numpy": "2.4.6", "python": "3.11.7", "sacred": "0.8.7", "sqlalchemy": "2.1.9", "torch": "2.13.0+cpu"}','{"commit": "dd7c243c7ec6c6b59aff7eaad22028586dcc7515", "dirty": "false"}','{}',NULL,'');
INSERT INTO "runs" VALUES('280d727955a4-48f8d22a8077','280d727955a499204c272b619a4753199c7367f0e8f36668b525c26b400d6f85','warmup','warmup jvtc market1501 seed 0',0,'COMPLETED','2026-11-30T09:42:40.910699+00:00','2026-11-30T09:42:49.621869+00:00','2026-11-30T09:42:49.618551+00:00','{"components": {"augmentations/multi": 1, "networks/id_encoder": 1, "stages/warmup": 1, "warmups/jvtc": 1}, "key": "280d727955a499204c272b619a4753199c7367f0e8f36668b525c26b400d6f85", "label": "warmup jvtc market1501 seed 0", "parents": {"pretrain": "b10ae57c6db5456a872987b11c8fe01106f4f83c1589c984c84be146a987cffd"}, "seed": 0, "settings": {"data": {"height_px": 64, "width_px": 32}}, "stage": "warmup"}','{"cores": "2", "hostname": "bench", "processor": "x86_64", "system": "Linux-6.1-x86_64-with-glibc2.36"}','{"gclbench": "0.1.0", "numpy": "2.4.6", "python": "3.11.7", "sacred": "0.8.7", "sqlalchemy": "2.1.9", "torch": "2.13.0+cpu"}','{"commit": "dd7c243c7ec6c6b59aff7eaad22028586dcc7515", "dirty": "false"}','{}',NULL,'');
INSERT INTO "runs" VALUES('6fd57277ddb0-c5a808217b39','6fd57277ddb039f2dbde1b7fc1a959858924d519026e8724bd32fe4d6aea7b57','joint','joint none market1501 seed 0',0,'COMPLETED','2026-11-30T09:42:49.647389+00:00','2026-11-30T09:43:00.970631+00:00','2026-11-30T09:43:00.970512+00:00','{"components": {"augmentations/none": 1, "losses/l_vi": 2, "losses/l_vi_dprime": 2, "losses/l_vi_prime": 2, "networks/id_encoder": 1, "stages/joint": 3}, "key": "6fd57277ddb039f2dbde1b7fc1a959858924d519026e8724bd32fe4d6aea7b57", "label": "joint none market1501 seed 0", "parents": {"warmup": "280d727955a499204c272b619a4753199c7367f0e8f36668b525c26b400d6f85"}, "seed": 0, "settings": {"data": {"height_px": 64, "width_px": 32}}, "stage": "joint"}','{"cores": "2", "hostname": "bench", "processor": "x86_64", "system": "Linux-6.1-x86_64-with-glibc2.36"}','{"gclbench": "0.1.0", "numpy": "2.4.6", "python": "3.11.7", "sacred": "0.8.7", "sqlalchemy": "2.1.9", "torch": "2.13.0+cpu"}','{"commit": "dd7c243c7ec6c6b59aff7eaad22028586dcc7515", "dirty": "false"}','{}',NULL,'');
INSERT INTO "runs" VALUES('0e934c03b649-939363db6bdf','0e934c03b6491c92f128ab5512a723f10105f27a8ff87f56f100ea9948d304b0','evaluate','evaluate none market1501 seed 0',0,'COMPLETED','2026-11-30T09:43:01.001199+00:00','2026-11-30T09:43:01.354550+00:00','2026-11-30T09:43:01.354435+00:00','{"components": {"networks/id_encoder": 1, "stages/evaluate": 3}, "key": "0e934c03b6491c92f128ab5512a723f10105f27a8ff87f56f100ea9948d304b0", "label": "evaluate none market1501 seed 0", "parents": {"joint": "6fd57277ddb039f2dbde1b7fc1a959858924d519026e8724bd32fe4d6aea7b57"}, "seed": 0, "settings": {"data": {"height_px": 64, "width_px": 32}}, "stage": "evaluate"}','{"cores": "2", "hostname": "bench", "processor": "x86_64", "system": "Linux-6.1-x86_64-with-glibc2.36"}','{"gclbench": "0.1.0", "numpy": "2.4.6", "python": "3.11.7", "sacred": "0.8.7", "sqlalchemy": "2.1.9", "torch": "2.13.0+cpu"}','{"commit": "dd7c243c7ec6c6b59aff7eaad22028586dcc7515", "dirty": "false"}','{"R1": 8.333333333333332, "R10": 33.33333333333333, "R5": 20.833333333333336, "clusters": 13.0, "mAP": 15.0188597454161, "mINP": 13.005628190392986, "nmi": 0.4369260896968691, "skipped_queries": 0.0, "valid_queries": 24.0}',NULL,'');
INSERT INTO "runs" VALUES('c2490c3b3fc2-2e0390fb7eae','c2490c3b3fc27e3fbf98314631c9b6c4b8557b88a0edb68f8798722bb93b037a','joint','joint none market1501 seed 0',0,'FAILED','2026-11-30T09:50:02.808170+00:00','2026-11-30T09:50:05.157973+00:00','2026-11-30T09:50:05.161879+00:00','{"components": {"augmentations/none": 1, "losses/l_vi": 2, "losses/l_vi_dprime": 2, "losses/l_vi_prime": 2, "networks/id_encoder": 1, "stages/joint": 3}, "key": "c2490c3b3fc27e3fbf98314631c9b6c4b8557b88a0edb68f8798722bb93b037a", "label": "joint none market1501 seed 0", "parents": {"warmup": "280d727955a499204c272b619a4753199c7367f0e8f36668b525c26b400d6f85"}, "seed": 0, "settings": {"data": {"height_px": 64, "width_px": 32}}, "stage": "joint"}','{"cores": "2", "hostname": "bench", "processor": "x86_64", "system": "Linux-6.1-x86_64-with-glibc2.36"}','{"gclbench": "0.1.0", "numpy": "2.4.6", "python": "3.11.7", "sacred": "0.8.7", "sqlalchemy": "2.1.9", "torch": "2.13.0+cpu"}','{"commit": "dd7c243c7ec6c6b59aff7eaad22028586dcc7515", "dirty": "false"}',NULL,'Traceback (most recent call last):
gclbench.errors.TrainingError: loss, l_vi, l_vi_prime, l_vi_dprime is not finite in stage joint, epoch 1, step 2. Lower joint.lr, or look at the losses logged before it with: gclbench show run.
','');
INSERT INTO "runs" VALUES('e249a83b345d-22c3088bb045','e249a83b345d911d4fa6136594d8ea8afca8381c8851705d384c12c4c5da0678','warmup','warmup jvtc market1501 seed 0',0,'INTERRUPTED','2026-11-30T09:51:25.406687+00:00','2026-11-30T09:51:27.657111+00:00','2026-11-30T09:51:27.659104+00:00','{"components": {"augmentations/multi": 1, "networks/id_encoder": 1, "stages/warmup": 1, "warmups/jvtc": 1}, "key": "e249a83b345d911d4fa6136594d8ea8afca8381c8851705d384c12c4c5da0678", "label": "warmup jvtc market1501 seed 0", "parents": {"pretrain": "b10ae57c6db5456a872987b11c8fe01106f4f83c1589c984c84be146a987cffd"}, "seed": 0, "settings": {"data": {"height_px": 64, "width_px": 32}}, "stage": "warmup"}','{"cores": "2", "hostname": "bench", "processor": "x86_64", "system": "Linux-6.1-x86_64-with-glibc2.36"}','{"gclbench": "0.1.0", "numpy": "2.4.6", "python": "3.11.7", "sacred": "0.8.7", "sqlalchemy": "2.1.9", "torch": "2.13.0+cpu"}','{"commit": "dd7c243c7ec6c6b59aff7eaad22028586dcc7515", "dirty": "false"}',NULL,NULL,'');
CREATE INDEX ix_runs_node_key ON runs (node_key);
CREATE INDEX metrics_of_run ON metrics (run_id, name, step);
COMMIT;
